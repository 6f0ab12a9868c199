import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

interface Event {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
  readonly comment: string | undefined;
}

/** Reads server-sent events as a client does. */
async function* eventsOf(response: Response): AsyncGenerator<Event> {
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
      if (block.startsWith('retry:')) continue;
      yield { id: field('id'), event: field('event'), data: field('data') ?? '', comment: field('') };
    }
  }
}
async function take(events: AsyncGenerator<Event>, count: number): Promise<Event[]> {
  const taken: Event[] = [];
  while (taken.length < count) {
    const next = await events.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken;
}
const textOf = (event: Event) => (JSON.parse(event.data) as { text: string }).text;

describe('event streams', () => {
  let rig: ApiRig;
  let url: string;
  beforeAll(async () => {
    rig = await apiRig({ streams: { pingMs: 50 } });
    url = await rig.app.listen({ port: 0, host: '127.0.0.1' });
    for (let i = 1; i <= 5; i++) rig.logs.add(`line ${i}`);
  });
  afterAll(() => rig[Symbol.asyncDispose]());
  const follow = (headers: Record<string, string> = {}, query = '') =>
    fetch(`${url}/api/v1/logs?follow=1${query}`, { headers: { ...rig.as.read, ...headers } });

  test('logs: a filter is checked before anything is sent', async () => {
    const answer = async (query: string) => {
      const response = await fetch(`${url}/api/v1/logs?${query}`, { headers: rig.as.read });
      return (await response.json()) as { code?: string; detail?: string; items?: unknown[] };
    };
    expect((await answer('filter=level:info%20line')).items).toHaveLength(5);
    expect(await answer('filter=level:loud')).toMatchObject({
      code: 'bad_filter',
      detail: expect.stringContaining('level: takes'),
    });
    expect(await answer('filter=fn:nobody')).toMatchObject({ code: 'function_not_found' });
    expect(await answer('follow=1&filter=status:5xx')).toMatchObject({
      code: 'bad_filter',
      detail: expect.stringContaining('call is over'),
    });
  });

  test('logs: the newest lines, then new ones, then resuming without a gap or a repeat', async () => {
    const response = await follow({}, '&limit=2');
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    const events = eventsOf(response);
    expect((await take(events, 2)).map(textOf)).toEqual(['line 4', 'line 5']);
    rig.logs.add('line 6');
    const logs: Event[] = [];
    while (logs.length < 1) logs.push(...(await take(events, 1)).filter((event) => event.event === 'log'));
    expect(logs.map(textOf)).toEqual(['line 6']);
    await events.return(undefined);
    rig.logs.add('line 7');
    const resumed = eventsOf(await follow({ 'last-event-id': logs[0]?.id ?? '' }));
    expect((await take(resumed, 1)).map(textOf)).toEqual(['line 7']);
    await resumed.return(undefined);
    const all = eventsOf(await follow({ 'last-event-id': '0000000000000001' }, '&limit=1'));
    expect((await take(all, 6)).map(textOf)).toEqual([2, 3, 4, 5, 6, 7].map((n) => `line ${n}`));
    await all.return(undefined);
  });

  test('a quiet stream pings; a closed one leaves no listener', async () => {
    const response = await follow({ 'last-event-id': '9999999999999999' });
    const events = eventsOf(response);
    const [ping] = await take(events, 1);
    expect(ping?.comment).toBe('ping');
    await events.return(undefined);
    await expect.poll(() => rig.logs.listeners.size).toBe(0);
  });

  test('a reader that cannot follow is told how much it missed, and memory stays bounded', async () => {
    const address = new URL(url);
    const socket = connect(Number(address.port), address.hostname);
    socket.write(
      `GET /api/v1/logs?follow=1&limit=1 HTTP/1.1\r\nHost: x\r\nAuthorization: ${rig.as.read.authorization}\r\n\r\n`,
    );
    await expect.poll(() => rig.logs.listeners.size).toBe(1);
    socket.pause();
    const big = 'x'.repeat(100_000);
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    for (let i = 0; i < 300; i++) {
      const line = rig.logs.add(big);
      rig.logs.lines.pop();
      rig.logs.lines.push({ ...line, text: '' });
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before).toBeLessThan(60_000_000);
    let received = '';
    socket.on('data', (data) => {
      received = (received + data).slice(-400_000);
    });
    socket.resume();
    await expect
      .poll(() => {
        rig.logs.add('after');
        return received;
      })
      .toMatch(/event: skipped\ndata: {"skipped":\d+}/);
    socket.destroy();
  });

  test('metrics tick', async () => {
    const response = await fetch(`${url}/api/v1/metrics/stream`, { headers: rig.as.read });
    await expect.poll(() => rig.metrics.listeners.size).toBe(1);
    for (const listener of rig.metrics.listeners) listener({ at: '2030-01-01T00:00:00.000Z' } as never);
    const events = eventsOf(response);
    let tick: Event | undefined;
    while (tick?.event !== 'tick') [tick] = await take(events, 1);
    expect(tick).toMatchObject({ event: 'tick', id: '2030-01-01T00:00:00.000Z' });
    await events.return(undefined);
    await expect.poll(() => rig.metrics.listeners.size).toBe(0);
  });

  test('closing ends streams and quiet connections at once', async () => {
    await using own = await apiRig();
    const ownUrl = await own.app.listen({ port: 0, host: '127.0.0.1' });
    const response = await fetch(`${ownUrl}/api/v1/metrics/stream`, { headers: own.as.read });
    const quiet = connect(Number(new URL(ownUrl).port), '127.0.0.1');
    await new Promise((resolve) => quiet.once('connect', resolve));
    await (await fetch(`${ownUrl}/healthz`)).text();
    const startedAt = performance.now();
    const ended = response.text();
    await own.app.close();
    expect(await ended).toContain('retry: 2000');
    // What waits for a client that says nothing waits for a minute.
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    quiet.destroy();
  });
});

describe('a body that does not go on', () => {
  const boundary = 'x\r\nContent-Disposition: form-data; name="bundle"; filename="a.zip"\r\n\r\nPK';
  test.each([
    ['JSON', 'application/json', '{"name":'],
    ['an upload', 'multipart/form-data; boundary=x', `--${boundary}`],
    ['a payload', 'application/octet-stream', 'ab'],
  ])('%s: 408, and nothing is left of it', async (_what, type, begun) => {
    await using rig = await apiRig({ maxBodyPauseMs: 150 });
    const { port } = new URL(await rig.app.listen({ port: 0, host: '127.0.0.1' }));
    const path = type === 'application/octet-stream' ? '/api/v1/functions/none/invocations' : '/api/v1/functions';
    const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: ${rig.as.admin.authorization}\r\n`;
    const answer = await new Promise<string>((resolve) => {
      let heard = '';
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write(`${head}Content-Type: ${type}\r\nContent-Length: 100000\r\n\r\n${begun}`),
      );
      socket.on('data', (chunk) => {
        heard += String(chunk);
      });
      socket.on('close', () => resolve(heard));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
    await expect.poll(() => readdirSync(rig.directory).filter((name) => name.startsWith('upload-'))).toEqual([]);
    expect(rig.errors).toEqual([]);
  });
});

describe('files', () => {
  let rig: ApiRig;
  const folder = mkdtempSync(join(tmpdir(), 'hearth-pages-'));
  beforeAll(async () => {
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Hearth</title>');
    writeFileSync(join(folder, 'assets/index-BxK3mZ9a.js'), 'void 0;');
    writeFileSync(join(folder, '.secret'), 'no');
    rig = await apiRig({
      dashboardDirectory: folder,
      swaggerUiDirectory: join(import.meta.dirname, '../../node_modules/swagger-ui-dist'),
    });
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the page, its assets, and the page again for paths of its own', async () => {
    for (const path of ['/', '/index.html', '/functions/hello', '/settings']) {
      const page = await rig.app.inject(path);
      expect(page.statusCode, path).toBe(200);
      expect(page.body).toContain('Hearth');
      expect(page.headers['cache-control']).toBe('no-cache');
      expect(page.headers['content-security-policy']).toContain("default-src 'self'");
      expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(page.headers['x-content-type-options']).toBe('nosniff');
    }
    const asset = await rig.app.inject('/assets/index-BxK3mZ9a.js');
    expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(asset.headers['content-type']).toContain('javascript');
  });

  test.each([
    '/api',
    '/api/v1/nothing',
    '/api/v2/functions',
    '/assets/gone.js',
    '/docs/gone',
    '/.secret',
    '/..%2f..%2fetc/passwd',
  ])('%s is not the page', async (path) => {
    const answer = await rig.app.inject(path);
    expect(answer.statusCode).toBeGreaterThanOrEqual(400);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body).not.toContain('root:');
  });

  test('the documentation of the API', async () => {
    const page = await rig.app.inject('/docs');
    expect(page.body).toContain('/docs/swagger-ui-bundle.js');
    expect(page.body).not.toMatch(/<script>[^<]/);
    for (const path of ['/docs/start.js', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js', '/openapi.json']) {
      expect((await rig.app.inject(path)).statusCode, path).toBe(200);
    }
  });
});
