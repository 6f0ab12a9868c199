import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invocationDetailSchema } from '../../shared/api/invocations.ts';
import { poolsSchema } from '../../shared/api/system.ts';
import { gatewayWays } from '../support/gateway-ways.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

const source = `
export default {
  fetch(request, env, ctx) {
    const { searchParams } = new URL(request.url);
    if (searchParams.has('plain')) return new Response('no', { status: 401 });
    const { socket, response } = ctx.upgradeWebSocket(request, searchParams.has('protocol') ? { protocol: 'chat' } : {});
    socket.onopen = () => socket.send('hello');
    socket.onmessage = ({ data }) => {
      if (data === 'close') socket.close(4001, 'as you wish');
      else if (data === 'throw') throw new Error('thrown in a listener');
      else if (data === 'large') socket.send(new Uint8Array(3_000_000).fill(7));
      else socket.send(typeof data === 'string' ? 'echo ' + data : data);
    };
    socket.onclose = ({ code, wasClean }) => console.log('closed', code, wasClean);
    return response;
  },
};`;

let platform: Platform;
let url = '';

/** Messages in the order in which they came, one at a time. */
class Client {
  readonly socket: WebSocket;
  readonly closed: Promise<CloseEvent>;
  readonly #messages: unknown[] = [];
  #wake: () => void = () => undefined;

  constructor(path = '', protocols: string[] = []) {
    this.socket = new WebSocket(url + path, protocols);
    this.socket.binaryType = 'arraybuffer';
    this.socket.addEventListener('message', ({ data }: MessageEvent) => {
      this.#messages.push(data);
      this.#wake();
    });
    this.closed = new Promise((resolve) => this.socket.addEventListener('close', resolve));
  }

  async next(): Promise<unknown> {
    while (this.#messages.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#messages.shift();
  }
}

/** What a request for a WebSocket is answered; one that is opened is cut off. */
const statusOf = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  new Promise<number | undefined>((resolve, reject) => {
    const request = httpRequest(`${platform.gatewayUrl}${path}`, {
      headers: {
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
      },
    });
    request.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    request.on('error', reject);
    request.end();
  });

const inFlight = async (): Promise<number> => {
  const { pools } = poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
  return pools.flatMap((pool) => pool.instances).reduce((sum, instance) => sum + instance.inFlight, 0);
};

describe.each(gatewayWays)('%s', (_way, environment) => {
  beforeAll(async () => {
    platform = await startPlatform({ environment });
    url = `${platform.gatewayUrl.replace('http', 'ws')}/socket`;
    const response = await platform.api('POST', '/api/v1/functions', {
      name: 'socket',
      files: { 'index.mjs': source },
      runtime: 'nodejs',
      handler: 'index.default',
      concurrency: 8,
      maxInstances: 1,
      maxRequestBytes: 1_000_000,
    });
    expect(response.status, await response.clone().text()).toBe(201);
  });
  afterAll(async () => await platform.dispose());

  describe('a WebSocket to a function', () => {
    it('carries text and bytes both ways, counts as in flight, and ends with the code of the client', async () => {
      const client = new Client();
      expect(await client.next()).toBe('hello');
      expect(await inFlight()).toBe(1);
      client.socket.send('häl\u{1f600}');
      expect(await client.next()).toBe('echo häl\u{1f600}');
      client.socket.send(new Uint8Array([1, 2, 3]));
      expect([...new Uint8Array((await client.next()) as ArrayBuffer)]).toEqual([1, 2, 3]);
      client.socket.close(4321, 'done');
      expect(await client.closed).toMatchObject({ code: 4321, wasClean: true });
      await eventually(async () => expect(await inFlight()).toBe(0));
    });

    it('ends with the code and the reason of the function', async () => {
      const client = new Client();
      await client.next();
      client.socket.send('close');
      expect(await client.closed).toMatchObject({ code: 4001, reason: 'as you wish', wasClean: true });
    });

    it('carries messages that are larger than any window, and any number of them', async () => {
      const client = new Client();
      await client.next();
      client.socket.send('large');
      const data = new Uint8Array((await client.next()) as ArrayBuffer);
      expect(data.length).toBe(3_000_000);
      expect(data.every((byte) => byte === 7)).toBe(true);
      const sent = new Uint8Array(900_000).fill(9);
      for (let i = 0; i < 10; i++) client.socket.send(sent);
      for (let i = 0; i < 10; i++) expect(((await client.next()) as ArrayBuffer).byteLength).toBe(900_000);
      client.socket.close();
      await client.closed;
    });

    it('refuses messages over the limit with 1009 and goes on with others', async () => {
      const client = new Client();
      await client.next();
      client.socket.send(new Uint8Array(1_000_001));
      expect(await client.closed).toMatchObject({ code: 1009 });
      await eventually(async () => expect(await inFlight()).toBe(0));
    });

    it('closes with 1011 what a listener throws, and says it in the log', async () => {
      const client = new Client();
      await client.next();
      client.socket.send('throw');
      expect(await client.closed).toMatchObject({ code: 1011 });
      await eventually(async () => {
        const logs = await (await platform.api('GET', '/api/v1/functions/socket/logs')).text();
        expect(logs).toContain('thrown in a listener');
      });
    });

    it('agrees on a subprotocol that the client offers', async () => {
      const client = new Client('?protocol', ['other', 'chat']);
      await client.next();
      expect(client.socket.protocol).toBe('chat');
      client.socket.close();
      await client.closed;
    });

    it('tells the function that the client is gone', async () => {
      const client = connect(Number(new URL(url).port), '127.0.0.1');
      client.write(
        'GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      );
      let answer = '';
      while (!answer.includes('hello')) {
        const [chunk] = (await once(client, 'data')) as [Buffer];
        answer += chunk.toString('latin1');
      }
      // RFC 6455 section 1.3 has this pair of key and answer.
      expect(answer).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
      const id = /hearth-invocation-id: (\S+)/.exec(answer)?.[1] ?? '';
      client.destroy();
      await eventually(async () => {
        const detail = await (await platform.api('GET', `/api/v1/invocations/${id}`)).json();
        expect(invocationDetailSchema.parse(detail).status).toBe('cancelled');
      });
      await eventually(async () => expect(await inFlight()).toBe(0));
    });

    it('may be answered with an ordinary response', async () => {
      expect(await statusOf('/socket?plain')).toBe(401);
      const other = await fetch(`${platform.gatewayUrl}/socket`);
      // The handler throws: nobody asked for a WebSocket.
      expect(other.status).toBe(502);
    });
  });

  describe('a request for a WebSocket to a function that has none', () => {
    it.each([
      ['nodejs', { 'index.mjs': 'export const handler = async () => ({ statusCode: 426 });' }],
      ['python', { 'main.py': 'def handler(event, context): return {"statusCode": 426}' }],
    ])('of events is one as any other: %s', async (runtime, files) => {
      const name = `events-${runtime}`;
      const deployed = await platform.api('POST', '/api/v1/functions', { name, runtime, files });
      expect(deployed.status, await deployed.clone().text()).toBe(201);
      expect(await statusOf(`/${name}`)).toBe(426);
    });
  });

  describe('a WebSocket that holds the only place', () => {
    it('lets the next wait as long as any other call, and says so; who is cancelled is told', async () => {
      const only = { concurrency: 1, maxInstances: 1, timeoutMs: 1000 };
      const deployed = await platform.api('POST', '/api/v1/functions', {
        ...{ name: 'single', files: { 'index.mjs': source }, handler: 'index.default', ...only },
      });
      expect(deployed.status, await deployed.clone().text()).toBe(201);
      // Its instance is there: what follows is not about starts.
      await eventually(async () => expect(await statusOf('/single?plain')).toBe(401));
      const socket = new WebSocket(`${platform.gatewayUrl.replace('http', 'ws')}/single`);
      const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve));
      await once(socket, 'message');
      expect(await statusOf('/single')).toBe(503);
      const list = await platform.api('GET', '/api/v1/invocations?function=single&status=running');
      const { items } = (await list.json()) as { items: { id: string }[] };
      expect(items).toHaveLength(1);
      await platform.api('DELETE', `/api/v1/invocations/${items[0]?.id}`);
      expect(await closed).toMatchObject({ code: 1011, reason: 'the call was cancelled' });
      await eventually(async () => {
        const all = await (await platform.api('GET', '/api/v1/invocations?function=single')).text();
        expect(all).toContain('no instance became free before the deadline of the call');
      });
    });
  });

  describe('a WebSocket to a function that asks who calls', () => {
    it('is opened for those who may call it, and for nobody else', async () => {
      const deployed = await platform.api('POST', '/api/v1/functions', {
        name: 'guarded',
        files: { 'index.mjs': source },
        handler: 'index.default',
        auth: { type: 'token' },
      });
      expect(deployed.status, await deployed.clone().text()).toBe(201);
      const open = (headers: Readonly<Record<string, string>>) => statusOf('/guarded', headers);
      expect(await open({})).toBe(401);
      expect(await open({ authorization: 'Bearer wrong' })).toBe(401);
      expect(await open({ authorization: `Bearer ${platform.token}` })).toBe(101);
    });
  });
});
