import { connect } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { ok, openGateways, raw, start, using } from '../../tests/support/gateway-rig.ts';

describe('a connection with several requests', () => {
  beforeEach(() => {
    using.parser = 'direct';
  });
  const last = 'GET /echo/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const post = (body: string) => `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  it('answers what was sent ahead in order, one after the other', async () => {
    let running = 0;
    let most = 0;
    const { port } = await start(async (...call) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return await ok(...call);
    });
    const bodies = Array.from({ length: 50 }, (_, i) => `body-${i};`);
    const answer = await raw(port, bodies.map(post).join('') + last);
    expect(answer.match(/body-\d+;/g)).toEqual(bodies);
    expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(51);
    expect(most).toBe(1);
  });

  it('answers thousands sent ahead that no function sees', async () => {
    const { port } = await start(ok);
    const answer = await raw(port, 'GET /none HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5000) + last);
    expect(answer.match(/HTTP\/1\.1 404 Not Found/g)).toHaveLength(5000);
    expect(answer).toContain('HTTP/1.1 200 OK');
  });

  it('goes on with Node when a request is not plain, and loses nothing', async () => {
    const { port } = await start(ok);
    const chunked = 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n';
    const answer = await raw(port, post('first') + chunked + post('third') + last);
    expect(answer.match(/first|second|third/g)).toEqual(['first', 'second', 'third']);
  });

  it('waits for a body and a head that come in pieces', async () => {
    const { port } = await start(ok);
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let answer = '';
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    for (const byte of `${post('one')}${post('two')}`.replace('\r\n\r\none', '\r\n\r\n|one').split('|')) {
      socket.write(byte);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const byte of last) {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    expect(answer.match(/one|two/g)).toEqual(['one', 'two']);
  });

  it('gives up a body that does not go on with 408', async () => {
    const { port } = await start(ok, { timeouts: { bodyPause: 50 } });
    const answer = await raw(port, 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab');
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('ends idle connections, and not those whose call takes longer than that', async () => {
    const { port } = await start(
      async (...call) => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return await ok(...call);
      },
      { timeouts: { keepAlive: 100 } },
    );
    expect(await raw(port, post('slow'))).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*slow$/);
  });

  it('ends with the next response once the gateway closes', async () => {
    const started = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { port } = await start(async (...call) => {
      started.resolve();
      await go.promise;
      return await ok(...call);
    });
    const idle = connect(port, '127.0.0.1');
    const idleClosed = new Promise((resolve) => idle.once('close', resolve));
    idle.write('GET /none HTTP/1.1\r\nHost: a\r\n\r\n');
    await new Promise((resolve) => idle.once('data', resolve));
    const answer = raw(port, post('late') + post('never'));
    await started.promise;
    const closed = openGateways[0]?.close(60_000);
    await idleClosed;
    go.resolve();
    expect(await answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*late$/);
    await closed;
  });

  it('does not go on when a response header would break the line', async () => {
    const { port, logged } = await start(async (_invocation, sink) => {
      sink.head({ status: 200, headers: ['x-a', 'b\r\nx-injected: c'], isEventResult: false });
      return { kind: 'success' };
    });
    expect(await raw(port, 'GET /echo HTTP/1.1\r\nHost: a\r\n\r\n')).not.toContain('injected');
    expect(logged).toHaveLength(1);
  });
});
