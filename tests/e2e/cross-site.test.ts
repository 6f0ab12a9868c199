import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildStale } from '../../scripts/build.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { findChromium, whyNoChromium } from './support/browser.ts';

const executablePath = findChromium();
/** A name of somebody else's that leads to this machine, as after DNS rebinding. */
const foreignHost = 'evil.example';

/** What a page can see of an answer: its type and status, and its text; or that there is none. */
const seen = `const seen = async (promise) => { try { const r = await promise; return { type: r.type, status: r.status, text: await r.text() }; } catch { return { type: 'refused', status: 0, text: '' }; } };`;

describe.skipIf(whyNoChromium !== undefined)(`a page of another site${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let context: BrowserContext;
  let attacker: Server;
  let page: Page;
  let before: string;

  beforeAll(async () => {
    await buildStale(['guest', 'server', 'dashboard']);
    attacker = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>a page of somebody else</title>');
    });
    await new Promise<void>((resolve) => attacker.listen(0, '127.0.0.1', () => resolve()));
    const args = ['--headless', '--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP ${foreignHost} 127.0.0.1`];
    [platform, browser] = await Promise.all([
      startPlatform(),
      chromium.launch({ executablePath: executablePath ?? '', args }),
    ]);
    const source = 'export const handler = () => ({ statusCode: 200, body: "secret answer" });';
    const files = { 'index.mjs': source };
    await deploy({ name: 'victim', files, auth: { type: 'token' } });
    await deploy({ name: 'open', files });
    // Somebody is signed in, in the same browser.
    context = await browser.newContext();
    const dashboard = await context.newPage();
    await dashboard.goto(`${platform.url}/#token=${platform.token}`);
    await dashboard.getByRole('heading', { level: 1 }).waitFor();
    page = await context.newPage();
    await page.goto(`http://${foreignHost}:${(attacker.address() as AddressInfo).port}/`);
    before = await state();
    for (const name of ['victim', 'open']) expect(before).toContain(`"name":"${name}"`);
  });
  afterAll(async () => {
    await browser?.close();
    attacker?.close();
    await platform?.dispose();
  });

  async function deploy(body: object): Promise<void> {
    const made = await platform.api('POST', '/api/v1/functions', body);
    expect(made.status, await made.text()).toBe(201);
  }
  /** Everything that a forged request could have changed: functions, tokens, users, calls of the function that asks who calls. */
  async function state(): Promise<string> {
    const paths = [
      '/api/v1/functions',
      '/api/v1/tokens',
      '/api/v1/users',
      '/api/v1/audit',
      '/api/v1/invocations?function=victim',
    ];
    const bodies = await Promise.all(paths.map(async (path) => await (await platform.api('GET', path)).json()));
    // When a token was last used, and what is counted over time, changes by looking.
    return JSON.stringify(bodies, (key, value) => (/^(lastUsedAt|stats|instances)$/.test(key) ? undefined : value));
  }
  const inPage = async (code: string): Promise<unknown> => await page.evaluate(`(async () => { ${seen} ${code} })()`);
  const readable = (answers: unknown): readonly unknown[] =>
    (answers as { type: string; status: number; text: string }[]).filter(
      ({ type, status, text }) => !(type === 'refused' || type === 'opaque') || status !== 0 || text !== '',
    );

  it.each(['omit', 'include'])('reads nothing with fetch, credentials %s', async (credentials) => {
    const urls = [
      ...['/', '/healthz', '/metrics', '/api/v1/functions', '/api/v1/system'].map((path) => platform.url + path),
      ...['/victim', '/open', '/_hearth/healthz'].map((path) => platform.gatewayUrl + path),
    ];
    const answers =
      await inPage(`return await Promise.all(${JSON.stringify(urls)}.flatMap((url) => ['cors', 'no-cors'].map((mode) =>
      seen(fetch(url, { mode, credentials: '${credentials}' })))));`);
    expect(answers).toHaveLength(urls.length * 2);
    expect(readable(answers)).toEqual([]);
  });

  it('changes nothing with requests that need no preflight, and gets none allowed', async () => {
    const deployment = JSON.stringify({ name: 'forged', files: { 'index.mjs': 'export const handler = () => 1;' } });
    const forged = [
      ['POST', '/api/v1/functions', deployment],
      ['POST', '/api/v1/tokens', '{"name":"forged","scope":"admin"}'],
      ['POST', '/api/v1/functions/victim/invocations', '{}'],
      ['DELETE', '/api/v1/functions/victim', ''],
      ['PATCH', '/api/v1/functions/victim', '{"disabled":true}'],
    ];
    const answers = await inPage(`const answers = [];
      for (const [method, path, body] of ${JSON.stringify(forged)}) {
        for (const type of ['text/plain', 'application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
          for (const mode of ['cors', 'no-cors'])
            for (const authorization of [undefined, 'Bearer guessed'])
              answers.push(await seen(fetch('${platform.url}' + path, { method, mode, credentials: 'include', body: body || undefined,
                headers: { 'content-type': type, ...(authorization ? { authorization } : {}) } })));
      }
      return answers;`);
    expect(readable(answers)).toEqual([]);
    expect(await state()).toBe(before);
  });

  it('changes nothing with forms and beacons', async () => {
    for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      for (const url of [
        `${platform.url}/api/v1/functions`,
        `${platform.url}/api/v1/sessions`,
        `${platform.gatewayUrl}/victim`,
      ]) {
        await page.evaluate(`new Promise((resolve) => {
          const frame = document.createElement('iframe'); frame.name = 'target'; frame.onload = resolve;
          const form = document.createElement('form');
          Object.assign(form, { method: 'POST', target: 'target', enctype: '${enctype}', action: '${url}' });
          form.innerHTML = '<input name=\\'{"name":"forged","x":"\\' value=\\'"}\\'>';
          document.body.append(frame, form);
          form.submit();
          setTimeout(resolve, 5000);
        })`);
        await page.evaluate(`document.body.replaceChildren()`);
      }
    }
    await page.evaluate(`navigator.sendBeacon('${platform.url}/api/v1/functions', '{"name":"forged"}')`);
    expect(await state()).toBe(before);
  });

  it('gets no events and no WebSocket, but of functions that are for everybody', async () => {
    const outcome = async (code: string): Promise<unknown> =>
      await page.evaluate(
        `new Promise((resolve) => { const it = ${code}; it.onopen = () => resolve('open'); it.onerror = () => resolve('refused'); })`,
      );
    const control = platform.url.replace('http', 'ws');
    const gateway = platform.gatewayUrl.replace('http', 'ws');
    expect(await outcome(`new EventSource('${platform.url}/api/v1/metrics/stream', { withCredentials: true })`)).toBe(
      'refused',
    );
    expect(await outcome(`new EventSource('${platform.url}/api/v1/logs/stream', { withCredentials: true })`)).toBe(
      'refused',
    );
    expect(await outcome(`new WebSocket('${control}/api/v1/metrics/stream')`)).toBe('refused');
    expect(await outcome(`new WebSocket('${gateway}/victim')`)).toBe('refused');
    expect(await state()).toBe(before);
  });

  it('cannot put the dashboard into a frame, nor look into a window of it', async () => {
    const framed =
      await page.evaluate(`new Promise((resolve) => { const frame = document.createElement('iframe'); frame.src = '${platform.url}/';
      frame.onload = () => { try { resolve(frame.contentWindow.document.title); } catch { resolve('not readable'); } }; document.body.append(frame); })`);
    expect(framed).toBe('not readable');
    const shown = page.frames().filter((frame) => frame.url().startsWith(platform.url));
    for (const frame of shown) expect(await frame.content()).not.toContain('<main');
    const [opened] = await Promise.all([
      context.waitForEvent('page'),
      page.evaluate(`globalThis.other = window.open('${platform.url}/'); undefined`),
    ]);
    await opened.waitForLoadState();
    const look = await page.evaluate(
      `(() => { try { return String(other.document.title); } catch { return 'not readable'; } })()`,
    );
    expect(look).toBe('not readable');
    await opened.close();
  });

  it('reads nothing under a name that was bound to this machine afterwards', async () => {
    const rebound = await context.newPage();
    const origin = `http://${foreignHost}:${new URL(platform.url).port}`;
    await rebound.goto(`${origin}/`);
    const answers =
      (await rebound.evaluate(`(async () => { ${seen} return await Promise.all(['/metrics', '/api/v1/functions', '/api/v1/system', '/api/v1/tokens']
      .map((path) => seen(fetch(path, { credentials: 'include' })))); })()`)) as { status: number }[];
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    expect(
      await rebound.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])'),
    ).not.toContain('hearth_');
    await rebound.close();
  });
});
