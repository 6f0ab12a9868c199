import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../cli/program.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

/** `hearth dev` in this process, against a real platform and over real sockets. */
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => await platform?.dispose());

async function startDev(manifest: object, files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-cli-dev-'));
  const write = (path: string, content: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  write('hearth.json', JSON.stringify(manifest));
  for (const [path, content] of Object.entries(files)) write(path, content);
  const [stdout, stderr, stop] = [new PassThrough(), new PassThrough(), new AbortController()];
  const ended = runCli({
    argv: ['dev', folder, '--port', '0', '--json'],
    environment: { HEARTH_URL: platform.url, HEARTH_TOKEN: platform.token },
    directory: folder,
    streams: { stdout, stderr, stdin: new PassThrough() },
    signal: stop.signal,
    version: 'test',
  }).finally(() => {
    stdout.end();
    stderr.end();
  });
  let said = '';
  stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const isListening = () => expect(said).toContain('}');
  const diedEarly = ended.then(async (code) => {
    throw new Error(`hearth dev ended with ${code}: ${await text(stderr)}`);
  });
  diedEarly.catch(() => undefined);
  await Promise.race([eventually(async () => isListening()), diedEarly]);
  const url = /"url": "(.*)"/.exec(said)?.[1] ?? '';
  return {
    url,
    write,
    logged: () => said,
    async [Symbol.asyncDispose]() {
      stop.abort();
      const code = await ended;
      if (code !== 0) throw new Error(`hearth dev ended with ${code}: ${await text(stderr)}`);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
const drafts = async (name: string): Promise<unknown[]> => {
  const { items } = (await (await platform.api('GET', `/api/v1/functions/${name}/drafts`)).json()) as {
    items: unknown[];
  };
  return items;
};

test('a folder answers on this machine as it is now, with what is wrong with it, and leaves nothing behind', async () => {
  const handler = (says: string) => `import { word } from './parts/word.ts';
export const handler = (event) => {
  console.log('line of ${says}');
  return { statusCode: 201, headers: { 'x-says': '${says}' }, cookies: ['a=1', 'b=2'], body: [word, event.rawPath, event.rawQueryString, event.pathParameters?.id, event.headers.host, event.body].join(' ') };
};`;
  {
    await using dev = await startDev(
      { name: 'shop', routes: [{ path: '/orders/:id', methods: ['POST'] }] },
      { 'index.ts': handler('one'), 'parts/word.ts': "export const word: string = 'first';" },
    );
    const order = () => fetch(`${dev.url}/orders/7?x=1`, { method: 'POST', body: 'paid' });
    const first = await order();
    expect(await first.text()).toBe(`first /orders/7 x=1 7 ${new URL(dev.url).host} paid`);
    expect([first.status, first.headers.get('x-says'), first.headers.getSetCookie()]).toEqual([
      201,
      'one',
      ['a=1', 'b=2'],
    ]);
    const missed = await fetch(`${dev.url}/orders/7`);
    expect([missed.status, await missed.text()]).toEqual([404, 'no route of hearth.json takes GET /orders/7\n']);
    // The function was not there: it is now, without traffic, and nothing of the folder's is public.
    expect(await (await platform.api('GET', '/api/v1/functions/shop')).json()).toMatchObject({ liveVersion: null });
    expect((await fetch(`${platform.gatewayUrl}/orders/7`, { method: 'POST' })).status).toBe(404);

    dev.write('parts/word.ts', "export const word: string = 'second';");
    await eventually(async () => expect(await (await order()).text()).toMatch(/^second /));
    expect(await drafts('shop')).toHaveLength(1);
    dev.write('parts/word.ts', 'export const word: string = ;');
    await eventually(async () => {
      const broken = await order();
      expect([broken.status, await broken.text()]).toEqual([422, expect.stringContaining('parts/word.ts')]);
    });
    dev.write('parts/word.ts', "export const word: string = 'third';");
    await eventually(async () => expect(await (await order()).text()).toMatch(/^third /));
    await eventually(async () => expect(dev.logged()).toContain('"text":"line of one"'));

    // What the platform lets go of is built again, and the call does not notice.
    const [draft] = (await drafts('shop')) as { id: string }[];
    expect((await platform.api('DELETE', `/api/v1/functions/shop/drafts/${draft?.id}`)).status).toBe(204);
    expect((await order()).status).toBe(201);
    expect(await drafts('shop')).toHaveLength(1);
  }
  expect(await drafts('shop')).toEqual([]);
});

test('responses flow as they are written, failures are told, and no other name leads here', async () => {
  const source = `export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/throws') throw new TypeError('no such thing');
    const { promise, resolve } = Promise.withResolvers();
    globalThis.goOn ??= resolve;
    if (pathname === '/go-on') { globalThis.goOn(); return new Response('gone on'); }
    const body = new ReadableStream({ async start(to) {
      to.enqueue(new TextEncoder().encode('before '));
      globalThis.goOn = resolve;
      await promise;
      to.enqueue(new TextEncoder().encode('after'));
      to.close();
    } });
    return new Response(body, { headers: { 'content-type': 'text/x-parts' } });
  },
};`;
  const site = 'https://a.example';
  await using dev = await startDev(
    {
      ...{ name: 'parts', handler: 'index.default', concurrency: 2, maxInstances: 1 },
      ...{ cors: { origins: [site] }, rateLimits: [{ by: 'address', requests: 100, windowSeconds: 1 }] },
    },
    { 'index.mjs': source },
  );
  const streamed = await fetch(`${dev.url}/stream`);
  expect(streamed.headers.get('content-type')).toBe('text/x-parts');
  const reader = streamed.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect(await reader?.read()).toEqual({ done: false, value: 'before ' });
  expect(await (await fetch(`${dev.url}/go-on`)).text()).toBe('gone on');
  expect(await reader?.read()).toEqual({ done: false, value: 'after' });
  expect((await reader?.read())?.done).toBe(true);

  const thrown = await fetch(`${dev.url}/throws`);
  expect([thrown.status, await thrown.text()]).toEqual([502, expect.stringContaining('TypeError: no such thing')]);

  // Other origins are answered as by the gateway, and the function is not asked before the request itself.
  const preflight = (origin: string) =>
    fetch(dev.url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } });
  const [allowed, stranger] = [await preflight(site), await preflight('https://b.example')];
  const originOf = (answer: Response) => answer.headers.get('access-control-allow-origin');
  expect([allowed.status, originOf(allowed), allowed.headers.get('access-control-allow-methods')]).toEqual([
    204,
    site,
    'PUT',
  ]);
  expect([stranger.status, originOf(stranger)]).toEqual([204, null]);
  const crossing = await fetch(`${dev.url}/go-on`, { headers: { origin: site } });
  expect([originOf(crossing), await crossing.text()]).toEqual([site, 'gone on']);

  const statusOf = async (headers: Record<string, string>): Promise<number | undefined> => {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    httpRequest({ port: new URL(dev.url).port, headers }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end();
    return await promise;
  };
  expect(await statusOf({ host: 'evil.example' })).toBe(403);
  expect(await statusOf({ connection: 'Upgrade', upgrade: 'websocket' })).toBe(501);
});
