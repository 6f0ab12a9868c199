import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { poolsSchema } from '../../shared/api/system.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

/** A platform with two gateway processes does what one without them does. The gateway's own tests run through processes as well. */
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ environment: { HEARTH_GATEWAYS: '2' } });
});
afterAll(async () => await platform.dispose());

async function deploy(name: string, source: string, more: object = {}): Promise<void> {
  const answer = await platform.api('POST', '/api/v1/functions', {
    name,
    runtime: 'nodejs',
    files: { 'index.mjs': source },
    ...more,
  });
  expect(answer.status, await answer.clone().text()).toBe(201);
}

const text = async (path: string) => await (await fetch(`${platform.gatewayUrl}${path}`)).text();

test('a change is seen by all of them at once, and every call is counted once', async () => {
  const handler = (word: string) => `export const handler = async () => ({ statusCode: 200, body: '${word}' });`;
  await deploy('words', handler('one'));
  // Connections of their own: they fall to both processes.
  const close = { headers: { connection: 'close' } };
  const calls = Array.from({ length: 20 }, () => fetch(`${platform.gatewayUrl}/words`, close));
  for (const answer of await Promise.all(calls)) expect(await answer.text()).toBe('one');
  const changed = await platform.api('POST', '/api/v1/functions/words/versions', {
    files: { 'index.mjs': handler('two') },
  });
  expect(changed.status, await changed.clone().text()).toBe(201);
  for (let i = 0; i < 10; i++) expect(await text('/words')).toBe('two');
  const byId = new Set<string>();
  await eventually(async () => {
    const list = await platform.api('GET', '/api/v1/invocations?function=words&limit=100');
    for (const item of ((await list.json()) as { items: { id: string }[] }).items) byId.add(item.id);
    expect(byId.size).toBe(30);
  });
});

test('requests of calls that fail are kept, small ones and streams', async () => {
  await deploy('down', 'export const handler = async () => ({ statusCode: 503 });');
  for (const body of ['small', 'x'.repeat(70_000)]) {
    const answer = await fetch(`${platform.gatewayUrl}/down/a`, { method: 'PUT', body });
    const id = answer.headers.get('hearth-invocation-id');
    // Another process had the answer, a moment before the record is written.
    await eventually(async () => {
      const kept = await (await platform.api('GET', `/api/v1/invocations/${id}/request`)).json();
      const isCut = body.length > 65_536;
      expect(kept).toMatchObject({ method: 'PUT', path: '/a', bodyBytes: body.length, isCut });
      expect((kept as { body: string }).body).toBe(body.slice(0, 65_536));
    });
  }
});

test('a WebSocket, a stream in both directions, and the client that leaves them', async () => {
  const source = `export default { async fetch(request, env, ctx) {
    if (!request.url.endsWith('/ws')) return new Response(request.body);
    const { socket, response } = ctx.upgradeWebSocket(request);
    socket.onmessage = ({ data }) => socket.send('echo ' + data);
    return response;
  } };`;
  await deploy('both', source, { handler: 'index.default', concurrency: 4, maxInstances: 1 });
  const socket = new WebSocket(`${platform.gatewayUrl.replace('http', 'ws')}/both/ws`);
  await once(socket, 'open');
  socket.send('hi');
  const [message] = (await once(socket, 'message')) as [MessageEvent];
  expect(message.data).toBe('echo hi');
  socket.close();

  const { hostname, port } = new URL(platform.gatewayUrl);
  const request = httpRequest({ hostname, port, path: '/both', method: 'POST', headers: { connection: 'close' } });
  request.on('error', () => undefined);
  request.write('first ');
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  expect(String((await once(response, 'data'))[0])).toBe('first ');
  request.write('second');
  expect(String((await once(response, 'data'))[0])).toBe('second');
  request.destroy();
  await eventually(async () => {
    const { pools } = poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
    expect(pools.flatMap((pool) => pool.instances).map((instance) => instance.inFlight)).not.toContain(1);
  });
});

test('a drain lets the call end that runs, and then everything ends', async () => {
  await deploy(
    'slow',
    `export default { fetch: () => new Response(new ReadableStream({ async start(to) {
      to.enqueue(new TextEncoder().encode('begun, '));
      await new Promise((done) => setTimeout(done, 700));
      to.enqueue(new TextEncoder().encode('done'));
      to.close();
    } })) };`,
    { handler: 'index.default' },
  );
  const { body } = await fetch(`${platform.gatewayUrl}/slow`);
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  expect(await reader?.read()).toEqual({ done: false, value: 'begun, ' });
  expect(await platform.stop()).toBe(0);
  expect(await reader?.read()).toEqual({ done: false, value: 'done' });
  await expect(fetch(platform.gatewayUrl)).rejects.toThrow();
});
