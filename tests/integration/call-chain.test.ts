import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatewayWays } from '../support/gateway-ways.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

/** Functions that call functions through the public gateway: the level `unsandboxed` can reach it on this host. */
let platform: Platform;

const sources: Readonly<Record<string, string>> = {
  // Calls itself for as long as it is let; with `?plain` it does not say who it is.
  spiral: `
    export const handler = async (event, context) => {
      const response = await fetch(process.env.GATEWAY + '/spiral', { headers: context.callHeaders() });
      return { statusCode: 200, body: { depth: context.depth, status: response.status, below: await response.json() } };
    };`,
  // Waits for what it calls; with `?watch` for no longer than its own caller waits, with `?plain` without saying who it is.
  front: `
    export const handler = async ({ queryStringParameters: how = {} }, context) => {
      const headers = 'plain' in how ? {} : context.callHeaders();
      const signal = 'watch' in how ? context.signal : undefined;
      await fetch(process.env.GATEWAY + '/slow', { headers, signal });
      // Both have the same deadline: whichever is over first, this one does not answer.
      await new Promise(() => {});
    };`,
  slow: `
    export const handler = (event, context) =>
      new Promise((resolve) => context.signal.addEventListener('abort', resolve));`,
  tell: `
    export const handler = async (event, context) => ({ deadlineMs: context.deadlineMs, depth: context.depth, trace: event?.headers?.traceparent });`,
  'by-api': `
    export const handler = async (event, context) => {
      const headers = { ...context.callHeaders(), authorization: 'Bearer ' + process.env.TOKEN };
      const url = process.env.API + '/api/v1/functions/tell/invocations' + (event.rawPath === '/later' ? '?mode=async' : '');
      const response = await fetch(url, { method: 'POST', headers });
      return { own: { deadlineMs: context.deadlineMs, depth: context.depth }, inner: await response.json() };
    };`,
  relay: `
    export const handler = async (event, context) => {
      const response = await fetch(process.env.GATEWAY + '/tell', { headers: context.callHeaders() });
      return { own: { deadlineMs: context.deadlineMs, depth: context.depth }, inner: await response.json() };
    };`,
};

const python = `
import json, os, urllib.request

def handler(event, context):
    request = urllib.request.Request(os.environ["GATEWAY"] + "/tell", headers=context.call_headers())
    with urllib.request.urlopen(request) as response:
        inner = json.loads(response.read())
    return {"own": {"deadlineMs": context.deadline_ms}, "inner": inner}
`;

const deploy = async (name: string, more: object) => {
  const answer = await platform.api('POST', '/api/v1/functions', {
    name,
    isolation: 'unsandboxed',
    egress: 'all',
    env: { GATEWAY: platform.gatewayUrl, API: platform.url, TOKEN: platform.token },
    ...more,
  });
  expect(answer.status, await answer.text()).toBe(201);
};

const get = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`${platform.gatewayUrl}${path}`, init);
  return { status: response.status, json: (await response.json()) as never };
};
interface Told {
  readonly deadlineMs: number;
  readonly depth: number;
}

/** The last call of a function, once it is over. */
const lastCallOf = (name: string, after: number) =>
  eventually(async () => {
    const list = await platform.api(
      'GET',
      `/api/v1/invocations?function=${name}&from=${new Date(after).toISOString()}`,
    );
    const { items } = (await list.json()) as {
      items: { id: string; status: string; error: { type: string } | null }[];
    };
    expect(items).toHaveLength(1);
    const [call] = items;
    if (call === undefined || call.status === 'running') throw new Error('not over yet');
    return call;
  });

/** A sample of the page of metrics that has no labels. */
const numberOf = async (name: string) => {
  const page = await (await fetch(`${platform.url}/metrics`)).text();
  return Number(
    page
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  );
};

describe.each(gatewayWays)('a function that calls functions through the gateway, %s', (_way, environment) => {
  beforeAll(async () => {
    platform = await startPlatform({ environment: { ...environment, HEARTH_ALLOW_UNSANDBOXED: 'true' } });
    for (const [name, source] of Object.entries(sources)) {
      const timeoutMs = { slow: 600_000, front: 600_000 }[name] ?? 20_000;
      await deploy(name, { runtime: 'nodejs', timeoutMs, files: { 'index.mjs': source } });
    }
    // Of `front`, to which the time is given that it waits for in vain.
    await deploy('hasty', { runtime: 'nodejs', timeoutMs: 4000, files: { 'index.mjs': sources['front'] } });
    await deploy('relay-python', { runtime: 'python', timeoutMs: 20_000, files: { 'main.py': python } });
  });
  afterAll(async () => {
    await platform.dispose();
  });

  it('is refused with 508 when the chain is too deep', async () => {
    const { status, json } = await get('/spiral');
    expect(status).toBe(200);
    interface Ring {
      readonly depth: number;
      readonly status: number;
      readonly below: Ring & { readonly code?: string };
    }
    let ring: Ring = json;
    for (let depth = 0; depth < 16; depth++) {
      expect(ring).toMatchObject({ depth, status: 200 });
      ring = ring.below;
    }
    expect(ring).toMatchObject({ depth: 16, status: 508, below: { code: 'recursion_limit' } });
  });

  it.each(['relay', 'relay-python'])('gives %s no more time than it has itself', async (name) => {
    const { json } = await get(`/${name}`);
    const { own, inner } = json as { own: Told; inner: Told };
    expect(inner).toMatchObject({ deadlineMs: Math.floor(own.deadlineMs), depth: 1 });
  });

  it('is bounded through the API too', async () => {
    const { json } = await get('/by-api');
    const { own, inner } = json as { own: Told; inner: Told };
    expect(inner).toMatchObject({ deadlineMs: Math.floor(own.deadlineMs), depth: 1 });
  });

  it('is one deeper, and outlived, when it leaves a call in the queue', async () => {
    const { json } = await get('/by-api/later');
    const { own, inner } = json as { own: Told; inner: { id: string } };
    const result = await eventually(async () => {
      const found = await platform.api('GET', `/api/v1/invocations/${inner.id}`);
      const { status, result: told } = (await found.json()) as { status: string; result: Told };
      expect(status).toBe('success');
      return told;
    });
    expect(result.depth).toBe(1);
    expect(result.deadlineMs).toBeGreaterThan(own.deadlineMs);
  });

  const inFlight = () => numberOf('hearth_concurrency');

  /** Calls `front` and leaves as soon as that has called `slow`. */
  const leaves = async (how: string) => {
    const client = new AbortController();
    const call = get(`/front?${how}`, { signal: client.signal }).catch((error: Error) => error.name);
    await eventually(async () => expect(await inFlight()).toBe(2));
    client.abort();
    expect(await call).toBe('AbortError');
  };

  it('takes its calls along when its own caller goes away', async () => {
    const from = Date.now();
    await leaves('watch');
    expect(await lastCallOf('front', from)).toMatchObject({ status: 'cancelled' });
    expect(await lastCallOf('slow', from)).toMatchObject({ status: 'cancelled' });
  });

  it.each([
    // Still waiting when its time is over, which is also the time of the call that it made.
    ['', 'timeout'],
    // That call knows of no such end; the connection ends with the instance.
    ['plain', 'cancelled'],
  ])('takes them along at its deadline when it looks at nothing (%s)', async (how, end) => {
    const from = Date.now();
    const { status } = await get(`/hasty?${how}`);
    expect(status).toBe(504);
    expect(await lastCallOf('hasty', from)).toMatchObject({ error: { type: 'timeout' } });
    const inner = await lastCallOf('slow', from);
    expect(inner.error?.type ?? inner.status).toBe(end);
  });

  it('cannot be talked into a chain by others, and says how often that was tried', async () => {
    const ignored = () => numberOf('hearth_call_chains_ignored_total');
    const before = await ignored();
    const { json } = await get('/tell', { headers: { 'hearth-call-chain': 'A'.repeat(32) } });
    expect(json).toMatchObject({ depth: 0 });
    await expect.poll(ignored).toBe(before + 1);
  });

  it('has a trace where nothing is exported, which then is not sampled', async () => {
    const { json } = await get('/tell');
    expect((json as { trace: string }).trace).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });
});
