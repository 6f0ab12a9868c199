import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invocationDetailSchema } from '../../shared/api/invocations.ts';
import { metricsSchema } from '../../shared/api/metrics.ts';
import { gatewayWays } from '../support/gateway-ways.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
/** `/wait` answers when `/release` is called; every answer says how many calls of its kind there were before. */
const source = `
let ran = 0;
let release;
let released = new Promise((resolve) => { release = resolve; });
export async function handler({ rawPath, headers }) {
  if (rawPath === '/ping') return 'pong';
  if (rawPath === '/release') {
    release();
    released = new Promise((resolve) => { release = resolve; });
    return 'released';
  }
  const number = ++ran;
  await released;
  if (rawPath === '/fail') throw new Error('no ' + number);
  return { statusCode: 200, headers: rawPath === '/session' ? { 'set-cookie': 'id=' + number } : {}, body: 'number ' + number };
}`;

async function deploy(name: string, config: object = {}): Promise<void> {
  const body = { name, runtime: 'nodejs', files: { 'index.mjs': source }, ...config };
  const response = await platform.api('POST', '/api/v1/functions', {
    ...body,
    ...{ concurrency: 100, maxInstances: 1, singleFlight: true },
  });
  expect(response.status, await response.clone().text()).toBe(201);
}

interface Answer {
  readonly status: number | undefined;
  readonly isShared: boolean;
  readonly id: string;
  readonly body: string;
}
interface Sent {
  readonly request: ClientRequest;
  readonly answer: Promise<Answer>;
}

/** Sends a call on a connection of its own; resolves when the kernel has it. */
async function send(path: string, headers: Record<string, string> = {}): Promise<Sent> {
  const made = request(`${platform.gatewayUrl}${path}`, { agent: false, headers });
  const answer = once(made, 'response').then(async ([response]) => {
    const { statusCode, headers: said } = response as IncomingMessage;
    let body = '';
    for await (const chunk of response as IncomingMessage) body += String(chunk);
    return {
      status: statusCode,
      isShared: said['hearth-single-flight'] === 'shared',
      id: String(said['hearth-invocation-id']),
      body,
    };
  });
  answer.catch(() => undefined);
  made.end();
  await once(made, 'finish');
  return { request: made, answer };
}

/**
 * A call that was sent before is at the scheduler when one that was sent later, through the same process, has been to the function and back.
 * Which process takes a connection is chance; twenty fall to both.
 */
async function arrived(name: string): Promise<void> {
  for (let i = 0; i < 20; i++) expect((await (await send(`/${name}/ping`)).answer).body).toContain('pong');
}

async function sendMany(count: number, path: string): Promise<readonly Sent[]> {
  const sent: Sent[] = [];
  for (let i = 0; i < count; i++) sent.push(await send(path));
  return sent;
}

describe.each(gatewayWays)('a function with singleFlight, %s', (_way, environment) => {
  beforeAll(async () => {
    platform = await startPlatform({ environment });
  });
  afterAll(async () => await platform.dispose());

  it('runs once for twenty who ask for the same, and says in answers and metrics what it did', async () => {
    await deploy('once');
    const sent = await sendMany(20, '/once/wait?a=1');
    const others = [
      await send('/once/wait?a=2'),
      await send('/once/wait?a=1', { authorization: 'Bearer one' }),
      await send('/once/wait?a=1', { authorization: 'Bearer two' }),
    ];
    await arrived('once');
    await send('/once/release');
    const answers = await Promise.all(sent.map(({ answer }) => answer));
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['number 1']));
    expect(answers.filter(({ isShared }) => isShared)).toHaveLength(19);
    const [id = '', ...more] = new Set(answers.map((answer) => answer.id));
    expect(more).toEqual([]);
    const bodies = await Promise.all(others.map(async ({ answer }) => (await answer).body));
    expect(new Set(bodies).size).toBe(3);
    await eventually(async () => {
      const response = await platform.api('GET', `/api/v1/invocations/${id}`);
      expect(invocationDetailSchema.parse(await response.json()).status).toBe('success');
    });
    await eventually(async () => {
      const page = await (await platform.api('GET', '/metrics')).text();
      expect(page).toMatch(/hearth_shared_calls_total\{[^}]*function="once"[^}]*\} 19/);
      const { total } = metricsSchema.parse(await (await platform.api('GET', '/api/v1/metrics?function=once')).json());
      expect(total?.sharedCalls).toBe(19);
    });
  });

  it('goes on for those who stay, and shares an error', async () => {
    await deploy('stay');
    const first = await send('/stay/fail');
    await arrived('stay');
    const [second, third] = await sendMany(2, '/stay/fail');
    await arrived('stay');
    first.request.destroy();
    await arrived('stay');
    await send('/stay/release');
    const answers = await Promise.all([second?.answer, third?.answer]);
    expect(answers.map((answer) => [answer?.status, answer?.isShared])).toEqual([
      [502, true],
      [502, true],
    ]);
    expect(answers[0]?.id).toBe(answers[1]?.id);
  });

  it('gives a cookie to one alone', async () => {
    await deploy('cookie');
    const sent = await sendMany(3, '/cookie/session');
    await arrived('cookie');
    await send('/cookie/release');
    // Whose call began the shared one is chance where two processes take connections.
    const [answer, owner] = await Promise.race(sent.map(async (call) => [await call.answer, call] as const));
    expect(answer).toMatchObject({ body: 'number 1', isShared: false });
    await arrived('cookie');
    await send('/cookie/release');
    const rest = await Promise.all(sent.filter((call) => call !== owner).map((call) => call.answer));
    expect(rest.map(({ isShared }) => isShared)).toEqual([false, false]);
    expect(new Set(rest.map(({ body }) => body))).toEqual(new Set(['number 2', 'number 3']));
  });
});
