import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acceptedSchema } from '../../shared/api/invocations.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { FailingCalls, straceProblem } from '../support/strace.ts';

const problem = straceProblem();
let platform: Platform;
let failing: FailingCalls | undefined;

describe.skipIf(problem !== undefined)(`a disk that fails${skippedFor(problem)}`, () => {
  beforeEach(async () => {
    platform = await startPlatform();
    const files = { 'index.mjs': 'export const handler = (event) => event.n;' };
    expect((await platform.api('POST', '/api/v1/functions', { name: 'work', files })).status).toBe(201);
    expect(await call(1)).toBe(1);
  });
  afterEach(async () => {
    await failing?.end();
    await platform.dispose();
  });

  const call = async (n: number): Promise<unknown> =>
    await (await platform.api('POST', '/api/v1/functions/work/invocations', { n })).json();
  const submit = async (n: number) =>
    await platform.api('POST', '/api/v1/functions/work/invocations?mode=async', { n });
  const acknowledged = async (count: number): Promise<readonly string[]> => {
    const ids: string[] = [];
    for (let n = 0; n < count; n++) {
      const response = await submit(n);
      expect(response.status).toBe(202);
      ids.push(acceptedSchema.parse(await response.json()).id);
    }
    return ids;
  };

  it('in flushing (EIO): nothing more is acknowledged, the platform ends by itself, and the next start has all that was', async () => {
    const before = await acknowledged(20);
    failing = await FailingCalls.begin(platform.pid, 'fsync,fdatasync', 'EIO');
    const answers = await Promise.all(
      Array.from(
        { length: 8 },
        async (_, n) =>
          await submit(n).then(
            ({ status }) => status,
            () => 0,
          ),
      ),
    );
    // 503, or no answer from a platform that is gone.
    expect(answers.filter((status) => status !== 503 && status !== 0)).toEqual([]);
    await eventually(() => expect(() => process.kill(platform.pid, 0)).toThrow());
    // Its last words may still lie in the pipe.
    await eventually(() => expect(platform.output()).toContain('failed, so nothing more is written to it'));
    await failing.end();
    expect(await platform.stop()).toBe(1);

    platform = await startPlatform({ dataDirectory: platform.dataDirectory });
    for (const id of before) {
      await eventually(async () => {
        const response = await platform.api('GET', `/api/v1/invocations/${id}`);
        expect(await response.json()).toMatchObject({ id, status: 'success' });
      });
    }
    expect(await call(2)).toBe(2);
  });

  it('in writing (ENOSPC): writes are refused as storage_full, calls go on, and it recovers by itself', async () => {
    failing = await FailingCalls.begin(platform.pid, 'pwrite64', 'ENOSPC');
    const refusal = await submit(1);
    expect([refusal.status, refusal.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await refusal.json()).toMatchObject({ code: 'storage_full' });
    expect(await call(3)).toBe(3);
    expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${platform.url}/readyz`)).status).toBe(503);
    await failing.end();
    await eventually(async () => expect((await submit(4)).status).toBe(202));
    await eventually(async () => expect((await fetch(`${platform.url}/readyz`)).status).toBe(200));
  });

  it('in reading (EIO): what it says is no answer, and it goes on afterwards', async () => {
    failing = await FailingCalls.begin(platform.pid, 'pread64', 'EIO');
    expect(await call(5)).toBe(5);
    const list = await platform.api('GET', '/api/v1/invocations?limit=1');
    // From the cache of SQLite, or refused; never something else.
    expect([200, 503]).toContain(list.status);
    await failing.end();
    await eventually(async () => expect((await platform.api('GET', '/api/v1/invocations?limit=1')).status).toBe(200));
    expect((await submit(6)).status).toBe(202);
  });

  it('that is slow to flush: nothing is acknowledged before it is on disk, and calls do not wait for it', async () => {
    failing = await FailingCalls.slow(platform.pid, 'fsync,fdatasync', 2000);
    const accepted = submit(7);
    // Many times what a call takes on a busy machine, and less than one flush.
    const first = await Promise.race([accepted.then(() => 'acknowledged'), call(8)]);
    expect(first).toBe(8);
    expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
    const response = await accepted;
    expect(response.status).toBe(202);
    const { id } = acceptedSchema.parse(await response.json());
    await platform.kill();
    await failing.end();

    platform = await startPlatform({ dataDirectory: platform.dataDirectory });
    await eventually(async () => {
      const found = await platform.api('GET', `/api/v1/invocations/${id}`);
      expect(await found.json()).toMatchObject({ id, status: 'success' });
    });
  });
});
