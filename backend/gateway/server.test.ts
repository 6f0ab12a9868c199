import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { PlatformError } from '../../shared/errors.ts';
import type { InvocationOutcome } from '../../shared/invocation.ts';
import { bodyOf, call, ok, openGateways, type Run, raw, start, using, ways } from '../../tests/support/gateway-rig.ts';
import { holdsConnection } from '../../tests/support/tcp-state.ts';
import type { CancelSignal } from '../core/cancel-signal.ts';
import type { Invocation } from '../core/invocation.ts';
import { SystemClock } from '../core/system-clock.ts';
import { CallChainSigner } from '../secrets/call-chain-signer.ts';
import { GatewayServer } from './server.ts';

describe.each(ways)('the gateway, %s', (chosen) => {
  beforeEach(() => {
    using.parser = chosen;
    using.agent = chosen !== 'node' ? new Agent({ keepAlive: true }) : false;
  });

  it('passes method, target, headers and body on and answers in one piece', async () => {
    const seen: Invocation[] = [];
    const { port } = await start(async (invocation, sink, signal) => {
      seen.push(invocation);
      return await ok(invocation, sink, signal);
    });
    const answer = await call(port, '/echo/a%20b?x=1', {
      method: 'POST',
      body: 'hello',
      headers: {
        'X-Custom': 'Yes',
        'x-forwarded-for': '6.6.6.6',
        'hearth-depth': '1',
        connection: 'x-secret',
        'x-secret': '1',
      },
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('hello');
    expect(answer.headers['content-length']).toBe('5');
    expect(answer.headers['hearth-invocation-id']).toMatch(/^inv_/);
    expect(answer.headers['server-timing']).toContain('handler;dur=2');
    const request = seen[0]?.request;
    if (request?.kind !== 'http') throw new Error('http expected');
    expect(request.target).toBe('/a%20b?x=1');
    expect(request.method).toBe('POST');
    const headers = new Map(
      Array.from({ length: request.headers.length / 2 }, (_, i) => [
        request.headers[2 * i],
        request.headers[2 * i + 1],
      ]),
    );
    expect(headers.get('x-custom')).toBe('Yes');
    expect(headers.get('x-forwarded-for')).toBe('127.0.0.1');
    expect(headers.get('x-forwarded-prefix')).toBe('/echo');
    expect(headers.has('hearth-depth')).toBe(false);
    expect(headers.has('x-secret')).toBe(false);
    expect(headers.has('connection')).toBe(false);
  });

  it('believes a proxy only when told to', async () => {
    const run: Run = async (invocation, sink) => {
      if (invocation.request.kind !== 'http') throw new Error('http expected');
      sink.head({ status: 200, headers: [], isEventResult: false });
      void sink.chunk(
        Buffer.from(`${invocation.request.scheme} ${invocation.request.clientAddress} ${invocation.request.host}`),
      );
      return { kind: 'success' };
    };
    const headers = {
      'x-forwarded-for': '9.9.9.9, 8.8.8.8',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'fn.example',
    };
    const trusting = await start(run, { trustsProxy: true });
    expect((await call(trusting.port, '/echo', { headers })).body).toBe('https 8.8.8.8 fn.example');
    // Functions make URLs of it.
    const strange = { 'x-forwarded-host': 'fn.example/admin?' };
    const own = `http 127.0.0.1 127.0.0.1:${trusting.port}`;
    expect((await call(trusting.port, '/echo', { headers: strange })).body).toBe(own);
    expect(await raw(trusting.port, 'GET /echo HTTP/1.0\r\n\r\n')).toMatch(/http 127\.0\.0\.1 localhost$/);
    const wary = await start(run);
    expect((await call(wary.port, '/echo', { headers })).body).toBe(`http 127.0.0.1 127.0.0.1:${wary.port}`);
  });

  it('bounds a call by the function that makes it, and believes no chain that it did not sign', async () => {
    const seen: Invocation[] = [];
    const signer = new CallChainSigner({ key: Buffer.alloc(32, 7), clock: new SystemClock() });
    const { port } = await start(
      async (invocation, sink, signal) => {
        seen.push(invocation);
        return await ok(invocation, sink, signal);
      },
      { callChains: signer, config: { timeoutMs: 20_000 } },
    );
    const callWith = async (...tokens: readonly string[]) => {
      await raw(
        port,
        `GET /echo HTTP/1.1\r\nhost: a\r\n${tokens.map((token) => `Hearth-Call-Chain: ${token}\r\n`).join('')}connection: close\r\n\r\n`,
      );
      const made = seen.pop();
      if (made?.request.kind !== 'http') throw new Error('http expected');
      expect(made.request.headers).not.toContain('hearth-call-chain');
      return { depth: made.depth, leftMs: made.deadlineAt - made.acceptedAt, deadlineAt: made.deadlineAt };
    };
    const soon = Date.now() + 5000;
    const token = signer.tokenOf({ deadlineAt: soon, depth: 2 });
    expect(await callWith(token)).toMatchObject({ depth: 3, deadlineAt: soon });
    expect(await callWith(signer.tokenOf({ deadlineAt: soon + 60_000, depth: 0 }))).toMatchObject({
      depth: 1,
      leftMs: 20_000,
    });
    expect(signer.ignored).toBe(0);
    const stranger = new CallChainSigner({ key: Buffer.alloc(32, 8), clock: new SystemClock() });
    const own = { depth: 0, leftMs: 20_000 };
    expect(await callWith(stranger.tokenOf({ deadlineAt: soon, depth: 2 }))).toMatchObject(own);
    expect(await callWith(signer.tokenOf({ deadlineAt: soon - 60_000, depth: 2 }))).toMatchObject(own);
    expect(await callWith(token, token)).toMatchObject(own);
    expect(signer.ignored).toBe(3);
    expect(await callWith()).toMatchObject(own);
    expect(signer.ignored).toBe(3);
  });

  it('streams a response as it is produced', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { port } = await start(async (_invocation, sink) => {
      sink.head({ status: 201, headers: ['x-a', '1', 'content-length', '999'], isEventResult: false });
      void sink.chunk(Buffer.from('first'));
      await gate;
      void sink.chunk(Buffer.from('second'));
      return { kind: 'success' };
    });
    const text = await new Promise<string>((resolve, reject) => {
      httpRequest({ port, path: '/echo', host: '127.0.0.1', agent: false }, (response) => {
        let seen = '';
        response.on('data', (chunk: Buffer) => {
          seen += chunk.toString();
          // The function goes on only after the client has the first part.
          if (seen === 'first') release();
        });
        response.on('end', () => resolve(`${response.headers['content-length'] ?? 'chunked'} ${seen}`));
        response.on('error', reject);
      }).end();
    });
    expect(text).toBe('chunked firstsecond');
  });

  it('streams large and chunked uploads and stops them at the limit', async () => {
    const { port } = await start(
      async (invocation, sink) => {
        try {
          const body = await bodyOf(invocation);
          sink.head({ status: 200, headers: [], isEventResult: false });
          void sink.chunk(Buffer.from(String(body.length)));
          return { kind: 'success' };
        } catch {
          return { kind: 'cancelled', message: 'upload stopped' };
        }
      },
      { config: { maxRequestBytes: 1_000_000 } },
    );
    const parts = (count: number) => Readable.from(Array.from({ length: count }, () => Buffer.alloc(10_000, 97)));
    expect(
      (await call(port, '/echo', { method: 'POST', body: parts(100), headers: { 'transfer-encoding': 'chunked' } }))
        .body,
    ).toBe('1000000');
    const declared = await call(port, '/echo', { method: 'POST', headers: { 'content-length': '1000001' } });
    expect(declared.status).toBe(413);
    expect(JSON.parse(declared.body)).toMatchObject({ code: 'request_too_large', status: 413 });
    expect(declared.headers.connection).toBe('close');
    const chunked = await raw(
      port,
      `POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${`186a0\r\n${'a'.repeat(100_000)}\r\n`.repeat(11)}`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('turns faults into plain problem documents without what user code said', async () => {
    const cases: readonly [InvocationOutcome, number, string][] = [
      [{ kind: 'function-error', type: 'TypeError', message: 'secret', stack: 'at secret' }, 502, 'function_error'],
      [{ kind: 'function-fault', fault: 'timeout', message: 'x' }, 504, 'function_timeout'],
      [{ kind: 'function-fault', fault: 'out-of-memory', message: 'x' }, 502, 'out_of_memory'],
      [{ kind: 'platform-fault', fault: 'capacity', message: 'x', retryable: true }, 503, 'no_capacity'],
      [{ kind: 'platform-fault', fault: 'sandbox-lost', message: 'x', retryable: true }, 502, 'sandbox_lost'],
    ];
    let next = 0;
    const { port } = await start(async () => cases[next++]![0]);
    for (const [, status, code] of cases) {
      const answer = await call(port, '/echo');
      expect(answer.status).toBe(status);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(JSON.parse(answer.body)).toMatchObject({ status, code });
      expect(answer.body).not.toContain('secret');
    }
  });

  it('answers 429 with Retry-After, 404, 405 with Allow and 503 for a disabled function', async () => {
    const throttled = await start(() =>
      Promise.reject(new PlatformError('throttled', 'queue_full', 'too many calls wait', { retryAfterSeconds: 2.2 })),
    );
    const answer = await call(throttled.port, '/echo');
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, '3']);
    expect((await call(throttled.port, '/nope')).status).toBe(404);
    const refused = await start(ok, {
      route: (_method, path) =>
        path === '/m' ? { kind: 'method-not-allowed', allow: ['POST'] } : { kind: 'disabled', functionName: 'x' },
    });
    const wrongMethod = await call(refused.port, '/m');
    expect([wrongMethod.status, wrongMethod.headers.allow]).toEqual([405, 'POST']);
    expect((await call(refused.port, '/off')).status).toBe(503);
    expect((await call(refused.port, '/_hearth/healthz')).body).toBe('ok\n');
  });

  it('hides what broke inside the platform and logs it', async () => {
    const { port, logged } = await start(() => Promise.reject(new Error('database password')));
    const answer = await call(port, '/echo');
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('password');
    expect(logged).toHaveLength(1);
  });

  it('cuts the connection when a response breaks off', async () => {
    const { port } = await start(async (_invocation, sink) => {
      sink.head({ status: 200, headers: [], isEventResult: false });
      await sink.chunk(Buffer.alloc(10));
      await sink.chunk(Buffer.alloc(10));
      return { kind: 'function-fault', fault: 'exited', message: 'x' };
    });
    await expect(call(port, '/echo')).rejects.toThrow();
  });

  it('aborts the invocation when the client goes away', async () => {
    let aborted = (): void => undefined;
    const wasAborted = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    const { port } = await start(
      (_invocation, _sink, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted();
            resolve({ kind: 'cancelled', message: 'gone' });
          });
          client.destroy();
        }),
    );
    const client = httpRequest({ port, path: '/echo', host: '127.0.0.1', agent: false });
    client.on('error', () => undefined);
    client.end();
    await wasAborted;
  });

  it('never starts a call whose small body did not arrive whole', async () => {
    let calls = 0;
    const { port } = await start(async (invocation, sink, signal) => {
      calls++;
      return await ok(invocation, sink, signal);
    });
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345', () => socket.destroy());
      });
      socket.on('close', () => resolve());
    });
    // A later call on the same server proves that the first has been dealt with.
    await call(port, '/echo', { method: 'POST', body: 'x' });
    expect(calls).toBe(1);
  });

  it('answers preflights itself and adds CORS headers of the settings only', async () => {
    const { port } = await start(
      async (_invocation, sink) => {
        sink.head({
          status: 200,
          headers: ['Access-Control-Allow-Origin', 'https://evil.example'],
          isEventResult: false,
        });
        return { kind: 'success' };
      },
      { config: { cors: { origins: ['https://a.example'], maxAgeSeconds: 5 } } },
    );
    const preflight = await call(port, '/echo', {
      method: 'OPTIONS',
      headers: {
        origin: 'https://a.example',
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'x-a',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'x-a',
      'access-control-max-age': '5',
    });
    expect(
      (await call(port, '/echo', { headers: { origin: 'https://a.example' } })).headers['access-control-allow-origin'],
    ).toBe('https://a.example');
    expect(
      (await call(port, '/echo', { headers: { origin: 'https://b.example' } })).headers['access-control-allow-origin'],
    ).toBeUndefined();
  });

  it('never lets a function speak for the platform', async () => {
    const { port } = await start(async (_invocation, sink) => {
      sink.head({
        status: 200,
        headers: ['Hearth-Invocation-Id', 'forged', 'Server-Timing', 'forged;dur=1', 'x-own', '1'],
        isEventResult: false,
      });
      return { kind: 'success' };
    });
    const answer = await call(port, '/echo');
    expect(answer.headers['hearth-invocation-id']).toMatch(/^inv_[0-9a-z]+$/);
    expect(answer.headers['server-timing']).not.toContain('forged');
    expect(answer.headers['x-own']).toBe('1');
  });

  it('sends no body for HEAD, 204 and 304', async () => {
    const { port } = await start(async (invocation, sink) => {
      const status = invocation.request.kind === 'http' && invocation.request.method === 'HEAD' ? 200 : 204;
      sink.head({ status, headers: status === 200 ? ['content-length', '42'] : [], isEventResult: false });
      return { kind: 'success' };
    });
    const head = await call(port, '/echo', { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body]).toEqual([200, '42', '']);
    const none = await call(port, '/echo');
    expect([none.status, none.headers['content-length'], none.body]).toEqual([204, undefined, '']);
  });

  it.each([
    ['two Host headers', 'GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'],
    [
      'Content-Length and Transfer-Encoding',
      'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['two Content-Lengths', 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    ['an obsolete line folding', 'GET /echo HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nConnection: close\r\n\r\n'],
    ['a bare line feed in a header', 'GET /echo HTTP/1.1\r\nHost: a\nX: b\r\nConnection: close\r\n\r\n'],
    ['an absolute target', 'GET http://other/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
  ])('refuses %s with 400', async (_what, text) => {
    const { port } = await start(ok);
    expect(await raw(port, text)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('goes on serving after a function that answers without reading its streamed body', async () => {
    const { port } = await start(async (_invocation, sink) => {
      sink.head({ status: 200, headers: [], isEventResult: false });
      await sink.chunk(Buffer.from('early'));
      return { kind: 'success' };
    });
    const upload = `POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${`186a0\r\n${'a'.repeat(100_000)}\r\n`.repeat(20)}0\r\n\r\n`;
    expect(await raw(port, upload)).toMatch(/^HTTP\/1\.1 200 [\s\S]*connection: close[\s\S]*early$/i);
    expect((await call(port, '/echo')).body).toBe('early');
  });

  it.each([
    ['large', 'Content-Length: 100000\r\n\r\nab'],
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'],
  ])('gives up a %s body that does not go on with 408, and the call with it', async (_what, rest) => {
    const given: CancelSignal[] = [];
    const { port } = await start(
      async (invocation, sink, signal) => {
        given.push(signal);
        await bodyOf(invocation).catch(() => undefined);
        return await ok(invocation, sink, signal);
      },
      { timeouts: { bodyPause: 150 } },
    );
    expect(await raw(port, `POST /echo HTTP/1.1\r\nHost: a\r\n${rest}`)).toMatch(
      /^HTTP\/1\.1 408 [^\n]*\n[\s\S]*\r\n\r\n$/,
    );
    for (const signal of given) await vi.waitFor(() => expect(signal.aborted).toBe(true), { timeout: 60_000 });
  });

  it('waits for a function that reads late, and for a body of which the answer has begun', async () => {
    // Between processes the beginning of an answer takes its time on a busy machine.
    const pause = chosen === 'processes' ? 1000 : 300;
    const { port } = await start(
      async (invocation, sink) => {
        const isEarly = invocation.request.kind === 'http' && invocation.request.target.endsWith('/early');
        const begin = () => sink.head({ status: 200, headers: [], isEventResult: false });
        if (isEarly) {
          begin();
          await sink.chunk(Buffer.from('begun '));
        } else await new Promise((resolve) => setTimeout(resolve, 3 * pause));
        const { length } = await bodyOf(invocation);
        if (!isEarly) begin();
        await sink.chunk(Buffer.from(String(length)));
        return { kind: 'success' };
      },
      { timeouts: { bodyPause: pause } },
    );
    const large = Readable.from([Buffer.alloc(3_000_000)]);
    expect(await call(port, '/echo', { method: 'POST', body: large })).toMatchObject({
      status: 200,
      body: '3000000',
    });
    const late = Readable.from(
      (async function* () {
        yield 'ab';
        await new Promise((resolve) => setTimeout(resolve, 3 * pause));
        yield 'cd';
      })(),
    );
    expect(await call(port, '/echo/early', { method: 'POST', body: late })).toMatchObject({
      status: 200,
      body: 'begun 4',
    });
  });

  it('lets a client send its body only when somebody reads it', async () => {
    const { port } = await start(ok, { config: { maxRequestBytes: 10 } });
    const request = (length: number) =>
      `POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    expect(await raw(port, request(11))).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close/i);
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const isContinued = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString();
        if (answer.includes('100 Continue')) resolve();
      });
    });
    socket.write(request(5));
    await isContinued;
    socket.write('hello');
    await vi.waitFor(() => expect(answer).toMatch(/^HTTP\/1\.1 100 [\s\S]*HTTP\/1\.1 200 [\s\S]*hello$/), {
      timeout: 60_000,
    });
    socket.destroy();
  });

  it('begins the time of a function when its request is there', async () => {
    const pause = 300;
    const { port } = await start(
      async (invocation, sink, signal) => {
        expect(invocation.deadlineAt).toBeGreaterThan(Date.now());
        return await ok(invocation, sink, signal);
      },
      { config: { timeoutMs: pause / 2 } },
    );
    const socket = connect(port, '127.0.0.1');
    // Too large for the direct parser: Node's collects it.
    const body = 'a'.repeat(100_000);
    socket.write(`POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`);
    setTimeout(() => socket.write(body), pause);
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer.slice(0, 12)).toBe('HTTP/1.1 200');
  });

  it('closes every connection with its last response, and does not wait for what is no request yet', async () => {
    const started = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { port } = await start(async (invocation, sink, signal) => {
      const body = await bodyOf(invocation);
      if (body.toString() === 'begin') {
        sink.head({ status: 200, headers: [], isEventResult: false });
        void sink.chunk(Buffer.from('begun, '));
        started.resolve();
        await go.promise;
        await sink.chunk(Buffer.from('done'));
        return { kind: 'success' };
      }
      return await ok(invocation, sink, signal);
    });
    const half = raw(port, 'GET /echo HTTP/1.1\r\nHo');
    // Chunked: Node's parser has it, with an answer that has begun and says that the connection stays.
    const begun = raw(
      port,
      'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n0\r\n\r\n',
    );
    await started.promise;
    const closed = openGateways[0]?.close(600_000);
    await half.catch(() => undefined);
    go.resolve();
    expect(await begun).toMatch(/^HTTP\/1\.1 200 [\s\S]*begun, [\s\S]*done\r\n0\r\n\r\n$/);
    await closed;
  });

  it('answers 431 to headers that are too large', async () => {
    const { port } = await start(ok);
    expect(await raw(port, `GET /echo HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  it('says what to do when the port is taken', async () => {
    const { port } = await start(ok);
    const second = new GatewayServer({
      directory: { matchRoute: () => ({ kind: 'none' }) },
      scheduler: undefined as never,
      clock: new SystemClock(),
      logger: { error: () => undefined },
      trustsProxy: false,
    });
    await expect(second.listen('127.0.0.1', port)).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringContaining('HEARTH_GATEWAY_PORT'),
    });
  });
});

describe.each(ways)('a client that takes nothing of a finished response, %s', (chosen) => {
  beforeEach(() => {
    using.parser = chosen;
  });

  const megabytes = (count: number): Run => {
    return async (_invocation, sink) => {
      sink.head({ status: 200, headers: [], isEventResult: false });
      for (let i = 0; i < 4; i++) void sink.chunk(Buffer.alloc((count / 4) * 1_048_576, 120));
      return { kind: 'success' };
    };
  };

  it('is cut off', async () => {
    const { port } = await start(megabytes(16), { stalledClientMs: 200 });
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise<number>((resolve) => socket.once('close', () => resolve(socket.bytesRead)));
    socket.write('GET /echo HTTP/1.1\r\nhost: a\r\n\r\n');
    socket.pause();
    const isHeld = () => holdsConnection(port, socket.localPort ?? 0);
    await expect.poll(isHeld).toBe(true);
    // Where processes write, one on a busy host may come to it late.
    await expect.poll(isHeld).toBe(false);
    socket.resume();
    expect(await closed).toBeLessThan(16 * 1_048_576);
  });

  it('is waited for while it takes something, however long', async () => {
    const { port } = await start(megabytes(16), { stalledClientMs: 700 });
    const bytes = await new Promise<number>((resolve, reject) => {
      let read = 0;
      const socket = connect(port, '127.0.0.1');
      socket.on('error', reject);
      socket.on('close', () => resolve(read));
      socket.on('data', (chunk: Buffer) => {
        read += chunk.length;
        if (read % 4 !== 0) return;
        socket.pause();
        setTimeout(() => socket.resume(), 5);
      });
      socket.write('GET /echo HTTP/1.1\r\nhost: a\r\n\r\nGET /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    });
    expect(bytes).toBeGreaterThan(2 * 16 * 1_048_576);
  });
});
