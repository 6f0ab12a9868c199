import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultVersionConfig, type VersionConfig } from '../../shared/version-config.ts';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import type { Invocation } from '../core/invocation.ts';
import type { MetricEvent } from '../core/ports/metrics-sink.ts';
import type { Scheduler } from '../core/ports/scheduler.ts';
import { SystemClock } from '../core/system-clock.ts';
import type { VersionSpec } from '../core/version.ts';
import { GatewayAuthenticator } from './auth/gateway-authenticator.ts';
import { CallGate } from './call-gate.ts';
import { CallLimits } from './call-limits.ts';
import { GatewayServer } from './server.ts';

const open: GatewayServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close(0)));
});

/** A gateway before a function that answers with the headers and the body that it was given. */
async function gateway(
  config: Partial<VersionConfig>,
  options: { perAddressAndMinute?: number; isDirect?: boolean } = {},
) {
  const version: VersionSpec = {
    versionId: 'ver_1' as VersionSpec['versionId'],
    functionId: 'fn_1' as VersionSpec['functionId'],
    functionName: 'echo',
    version: 1,
    digest: 'd' as VersionSpec['digest'],
    config: { ...defaultVersionConfig('nodejs', 'fake'), ...config },
  };
  const calls: Invocation[] = [];
  const events: MetricEvent[] = [];
  const scheduler: Pick<Scheduler, 'invoke'> = {
    invoke: async (invocation, sink) => {
      calls.push(invocation);
      const { request } = invocation;
      if (request.kind !== 'http') throw new Error('not an HTTP call');
      const chunks: Buffer[] = [];
      if (Buffer.isBuffer(request.body)) chunks.push(request.body);
      else for await (const chunk of request.body) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      sink.head({ status: 200, headers: ['content-type', 'application/json'], isEventResult: false });
      void sink.chunk(Buffer.from(JSON.stringify({ headers: request.headers, bytes: body.length })));
      const timing = {
        queuedMs: 0,
        acquireMs: 0,
        bootMs: 0,
        loadMs: 0,
        initMs: 0,
        firstByteMs: 0,
        handlerMs: 0,
        flushMs: 0,
        totalMs: 0,
      };
      const usage = { cpuMs: 0, peakMemoryBytes: 0, requestBytes: 0, responseBytes: 0 };
      return { outcome: { kind: 'success' }, start: 'warm', instanceId: undefined, httpStatus: 200, timing, usage };
    },
  };
  const time = new ManualClock();
  const authenticator = new GatewayAuthenticator({
    clock: time,
    logger: { warn: () => undefined },
    findToken: (secret) => {
      if (!secret.startsWith('hearth_')) return undefined;
      return { id: secret.slice(7), mayInvoke: () => secret !== 'hearth_reader' };
    },
    variableOf: ({ config: of }, name) => of.env[name],
    fetch: () => Promise.reject(new Error('no network here')),
  });
  const limits = new CallLimits({ clock: time, perAddressAndMinute: options.perAddressAndMinute ?? 0 });
  const server = new GatewayServer({
    directory: {
      matchRoute: () => ({ kind: 'match', match: { version, qualifier: 'live', params: {}, basePath: '' } }),
    },
    scheduler: scheduler as Scheduler,
    clock: new SystemClock(),
    logger: { error: () => undefined },
    metrics: { record: (event) => void events.push(event) },
    trustsProxy: true,
    gate: new CallGate({ authenticator, limits }),
    usesNodeParserOnly: options.isDirect === false,
  });
  open.push(server);
  const port = await server.listen('127.0.0.1', 0);
  const call = async (headers: Record<string, string> = {}, body?: string | ReadableStream) => {
    const init = body === undefined ? {} : { method: 'POST', body, duplex: 'half' };
    const response = await fetch(`http://127.0.0.1:${port}/echo`, { headers, ...init } as RequestInit);
    return {
      status: response.status,
      headers: response.headers,
      json: (await response.json()) as Record<string, unknown>,
    };
  };
  /** What the refusals were counted as. */
  const refused = () =>
    events.map((event) => {
      expect(event).toMatchObject({ functionName: 'echo', at: expect.any(Number) });
      return event.kind === 'throttle' ? event.limit : event.kind === 'refusal' ? event.reason : event.kind;
    });
  return { call, calls, time, refused };
}

const passedOn = (json: Record<string, unknown>, name: string) => {
  const headers = json['headers'] as string[];
  return headers.filter((_value, i) => i % 2 === 1 && headers[i - 1] === name);
};

describe.each([true, false])('a gated function (direct parser: %s)', (isDirect) => {
  it('lets tokens in, says who calls, and keeps the token to itself', async () => {
    const { call, calls, refused: counted } = await gateway({ auth: { type: 'token' } }, { isDirect });
    const good = await call({ authorization: 'Bearer hearth_ada', 'hearth-caller': 'token root' }, 'hello');
    expect(good.status).toBe(200);
    expect(passedOn(good.json, 'hearth-caller')).toEqual(['token ada']);
    expect(passedOn(good.json, 'authorization')).toEqual([]);
    expect(good.json['bytes']).toBe(5);
    const refused = await call({ authorization: 'Bearer wrong' }, 'x'.repeat(200_000));
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="hearth"');
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(refused.json).toMatchObject({ code: 'caller_unknown', status: 401 });
    expect((await call()).status).toBe(401);
    expect((await call({ authorization: 'Bearer hearth_reader' })).json).toMatchObject({ code: 'caller_not_allowed' });
    expect(calls).toHaveLength(1);
    expect(counted()).toEqual(['unauthenticated', 'unauthenticated', 'forbidden']);
  });

  it('checks the signature over the whole body, however it comes', async () => {
    const env = { KEY: 'a key of enough length' };
    const { call, calls, time } = await gateway({ auth: { type: 'signature', key: 'KEY' }, env }, { isDirect });
    const timestamp = String(Math.floor(time.now() / 1000));
    const headers = (id: string, body: string) => {
      const signature = createHmac('sha256', env.KEY).update(`${id}.${timestamp}.${body}`).digest('base64');
      return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
    };
    const large = 'y'.repeat(1_000_000);
    const streamed = () => new Blob([large]).stream();
    expect((await call(headers('a', 'small'), 'small')).json['bytes']).toBe(5);
    expect((await call(headers('b', large), streamed())).json['bytes']).toBe(large.length);
    expect((await call(headers('c', `${large}z`), streamed())).status).toBe(401);
    expect((await call(headers('a', 'small'), 'small')).json).toMatchObject({ code: 'message_replayed' });
    expect((await call({}, 'small')).headers.get('www-authenticate')).toBe('Signature realm="hearth"');
    expect(calls).toHaveLength(2);
  });

  it('counts bodies that are too large once, whenever that shows', async () => {
    const env = { KEY: 'a key of enough length' };
    const auth = { type: 'signature', key: 'KEY' } as const;
    const { call, calls, refused } = await gateway({ auth, env, maxRequestBytes: 10_000 }, { isDirect });
    expect((await call({}, 'x'.repeat(10_001))).status).toBe(413);
    expect((await call({}, new Blob(['x'.repeat(20_000)]).stream())).status).toBe(413);
    expect(calls).toHaveLength(0);
    expect(refused()).toEqual(['payload_too_large', 'payload_too_large']);
  });
});

describe('limits', () => {
  it('count addresses apart, tell what is left, and let through again when it is time', async () => {
    const { call, calls, time } = await gateway({ rateLimits: [{ by: 'address', requests: 2, windowSeconds: 60 }] });
    const from = (address: string) => call({ 'x-forwarded-for': address });
    const first = await from('192.0.2.1');
    expect(first.headers.get('ratelimit-policy')).toBe('"address";q=2;w=60');
    expect(first.headers.get('ratelimit')).toBe('"address";r=1;t=30');
    expect(first.headers.get('retry-after')).toBeNull();
    await from('192.0.2.1');
    const third = await from('192.0.2.1');
    expect(third.status).toBe(429);
    expect(third.json).toMatchObject({ code: 'rate_limited' });
    expect(third.headers.get('retry-after')).toBe('30');
    expect(third.headers.get('ratelimit')).toBe('"address";r=0;t=30');
    expect((await from('192.0.2.2')).status).toBe(200);
    expect((await from('2001:db8:1:2::1')).status).toBe(200);
    expect((await from('2001:db8:1:2::2')).status).toBe(200);
    expect((await from('2001:db8:1:2::3')).status).toBe(429);
    time.advance(30_000);
    expect((await from('192.0.2.1')).status).toBe(200);
    expect(calls).toHaveLength(6);
  });

  it('count callers and functions only for who was let in', async () => {
    const { call, refused } = await gateway({
      auth: { type: 'token' },
      rateLimits: [
        { by: 'caller', requests: 2, windowSeconds: 10 },
        { by: 'function', requests: 3, windowSeconds: 10 },
      ],
    });
    const as = async (name: string) => (await call({ authorization: `Bearer ${name}` })).status;
    for (let i = 0; i < 10; i++) expect(await as('stranger')).toBe(401);
    expect([await as('hearth_a'), await as('hearth_a'), await as('hearth_a')]).toEqual([200, 200, 429]);
    // What was refused to one of them does not count for the function.
    expect([await as('hearth_b'), await as('hearth_b')]).toEqual([200, 429]);
    expect(refused().slice(10)).toEqual(['rate', 'rate']);
  });

  it('of the platform count all functions, public ones too', async () => {
    const { call, refused } = await gateway({}, { perAddressAndMinute: 1 });
    const first = await call();
    expect(first.headers.get('ratelimit-policy')).toBe('"gateway-address";q=1;w=60');
    expect((await call()).status).toBe(429);
    expect(refused()).toEqual(['rate']);
  });
});

it('leaves public functions without limits alone', async () => {
  const { call } = await gateway({});
  const { headers, json } = await call({ authorization: 'Bearer of the function' });
  expect(headers.get('ratelimit')).toBeNull();
  expect(passedOn(json, 'authorization')).toEqual(['Bearer of the function']);
  expect(passedOn(json, 'hearth-caller')).toEqual([]);
});
