import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionTabs, paths } from '../../frontend/path-builder.ts';
import { eventually, type Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { goTo, openDashboard, startWithBrowser, whyNoChromium } from './support/browser.ts';

/** What would run in a page that shows it as markup, in the ways that differ: an element, an attribute, a link. */
const markup =
  '"><img src=x onerror="globalThis.ran=1"><script>globalThis.ran=1</script><a href="javascript:globalThis.ran=1">';

describe.skipIf(whyNoChromium !== undefined)(`markup in what users write${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];
  let invocation: string;

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    await plant();
    ({ page, complaints } = await openDashboard(browser, platform));
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  async function post(path: string, body: unknown, expected: readonly number[] = [200, 201, 202]): Promise<Response> {
    const response = await platform.api('POST', path, body);
    expect(expected, `${path}: ${await response.clone().text()}`).toContain(response.status);
    return response;
  }
  /** Everywhere that takes free text. */
  async function plant(): Promise<void> {
    const source = `const text = ${JSON.stringify(markup)};
export function handler(event) {
  console.log(text); console.error(text);
  const error = new Error(text); error.name = text;
  if (event?.fail) throw error;
  return { statusCode: 200, headers: { 'content-type': 'text/html' }, body: text };
}`;
    await post('/api/v1/functions', {
      name: 'planted',
      runtime: 'nodejs',
      files: { 'index.mjs': source, [`${'a'.repeat(3)}<img src=x>.txt`]: markup },
      description: markup,
      message: markup,
      tags: [markup.slice(0, 60)],
      env: { PLANTED: markup },
      schedules: [{ name: 'planted', cron: '0 0 1 1 *', payload: { text: markup } }],
      retry: { maxAttempts: 1, maxAgeMs: 60_000, minBackoffMs: 10, maxBackoffMs: 20 },
    });
    const failed = await post('/api/v1/functions/planted/invocations', { fail: true, markup }, [502]);
    invocation = failed.headers.get('hearth-invocation-id') ?? '';
    await post('/api/v1/functions/planted/invocations', { markup });
    await post('/api/v1/functions/planted/invocations?mode=async', { fail: true, markup });
    await post('/api/v1/tokens', { name: markup.slice(0, 60), scope: 'read' });
    await eventually(async () => {
      const groups = await (await platform.api('GET', '/api/v1/errors')).text();
      expect(groups).toContain('onerror');
    });
  }

  const pages = [
    ...functionTabs.map((tab) => paths.function('planted', tab)),
    ...[paths.overview(), paths.functions(), paths.newFunction(), paths.invocations(), paths.logs(), paths.errors()],
    ...[paths.schedules(), paths.deadLetters(), paths.alerts(), paths.costs(), paths.system(), paths.tokens()],
    ...[paths.projects(), paths.project('default'), paths.users(), paths.audit()],
  ];

  it('is shown as text on every page', async () => {
    let shown = 0;
    for (const path of [...pages, paths.invocation(invocation)]) {
      await goTo(page, platform.url + path);
      await expect.poll(() => page.getByRole('status', { name: /^Loading/ }).count()).toBe(0);
      const made = await page.evaluate(
        `[...document.querySelectorAll('img[src="x"], script:not([src]), a[href^="javascript:"], [onerror]')].length`,
      );
      expect(made, path).toBe(0);
      expect(await page.evaluate('globalThis.ran ?? 0'), path).toBe(0);
      if (((await page.evaluate('document.body.innerText')) as string).includes('onerror=')) shown++;
    }
    // It was there to be seen: the log, the error, the code, the invocation and others.
    expect(shown).toBeGreaterThanOrEqual(5);
    expect(complaints).toEqual([]);
  });
});
