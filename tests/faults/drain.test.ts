import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedSchema } from '../../shared/api/invocations.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

const places = 8;
const calls = 24;
const source = `export async function handler(event) {
  const n = Number(event.queryStringParameters?.n ?? event.n);
  // The first ones hold their places for long enough to be seen there; the one that is less than nothing never gives its place back.
  await new Promise((resolve) => setTimeout(resolve, n < 0 ? 300_000 : n < ${places} ? 10_000 : 50));
  return { n };
}`;

describe('a platform that is told to end with SIGTERM', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform();
    const made = await platform.api('POST', '/api/v1/functions', {
      name: 'work',
      files: { 'index.mjs': source },
      concurrency: places,
      maxInstances: 1,
      timeoutMs: 600_000,
    });
    expect(made.status, await made.clone().text()).toBe(201);
    expect((await byApi(places)).status).toBe(200);
  });
  afterAll(async () => await platform.dispose());

  const byApi = async (n: number) => await platform.api('POST', '/api/v1/functions/work/invocations', { n });
  const byGateway = async (n: number) => await fetch(`${platform.gatewayUrl}/work?n=${n}`);
  const run = async (n: number) => await (n % 2 === 0 ? byApi(n) : byGateway(n));
  const seen = async (...lines: readonly string[]): Promise<void> =>
    await eventually(async () => {
      const text = await (await platform.api('GET', '/metrics')).text();
      for (const line of lines) expect(text.split('\n')).toContain(line);
    });

  it('answers every call that it took, refuses later ones as going down, and keeps its queue for the next start', async () => {
    const answerTo = async (n: number) => {
      const response = await run(n);
      return { status: response.status, ...((await response.json()) as { n: number }) };
    };
    const taken = Array.from({ length: places }, async (_, n) => await answerTo(n));
    await seen(`hearth_concurrency ${places}`);
    for (let n = places; n < calls; n++) taken.push(answerTo(n));
    await seen(`hearth_concurrency ${places}`, `hearth_queue_depth{queue="sync"} ${calls - places}`);
    const accepted = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const body = { n: places };
        const response = await platform.api('POST', '/api/v1/functions/work/invocations?mode=async', body);
        return acceptedSchema.parse(await response.json()).id;
      }),
    );
    let isOver = false;
    const later = new Set<number>();
    const callers = Array.from({ length: 4 }, async (_, n) => {
      while (!isOver) {
        // 0: nobody listens any more, or took the connection.
        const status = await run(places + n).then(
          (response) => response.status,
          () => 0,
        );
        later.add(status);
      }
    });
    expect(await platform.stop()).toBe(0);
    isOver = true;
    await Promise.all(callers);
    expect(await Promise.all(taken)).toEqual(Array.from({ length: calls }, (_, n) => ({ status: 200, n })));
    expect([...later].filter((status) => ![0, 200, 503].includes(status))).toEqual([]);

    platform = await startPlatform({ dataDirectory: platform.dataDirectory });
    for (const id of accepted) {
      await eventually(async () => {
        const response = await platform.api('GET', `/api/v1/invocations/${id}`);
        expect(await response.json()).toMatchObject({ id, status: 'success', attempts: 1 });
      });
    }
  });

  it('does not wait for what runs when it is told twice, and the next start is well', async () => {
    const endless = run(-2).catch(() => undefined);
    await seen('hearth_concurrency 1');
    process.kill(platform.pid, 'SIGTERM');
    await eventually(async () => expect((await fetch(`${platform.url}/readyz`)).status).toBe(503));
    expect(await platform.stop()).toBe(1);
    await endless;
    platform = await startPlatform({ dataDirectory: platform.dataDirectory });
    expect((await run(places)).status).toBe(200);
  });
});
