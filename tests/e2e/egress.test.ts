import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { accessibilityFaults, openDashboard, overflowPx, startWithBrowser, whyNoChromium } from './support/browser.ts';

/** The way out of a function in a real browser. */
describe.skipIf(whyNoChromium !== undefined)(`refused attempts to get out${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    const source = `export const handler = async ({ url }) => fetch(url).then(() => 'out', () => 'refused');`;
    const out = { name: 'out', runtime: 'nodejs', files: { 'index.mjs': source } };
    const egress = { allow: ['api.example'] };
    expect((await platform.api('POST', '/api/v1/functions', { ...out, egress })).status).toBe(201);
    expect((await platform.api('POST', '/api/v1/functions', { ...out, name: 'quiet' })).status).toBe(201);
    for (const url of ['http://evil.example/', 'https://evil.example:8443/', 'http://evil.example/again']) {
      const answer = await platform.api('POST', '/api/v1/functions/out/invocations', { url });
      expect(await answer.json()).toBe('refused');
    }
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  it.each([
    ['light', 1366],
    ['dark', 320],
  ] as const)('are on its page with host, reason and count, in the %s theme at %i pixels', async (theme, width) => {
    await page?.context().close();
    ({ page, complaints } = await openDashboard(browser, platform, { theme, width }));
    await page.goto(`${platform.url}/functions/out`);
    await page.getByRole('heading', { name: 'Way out' }).waitFor();
    const rows = page.getByRole('row');
    const twice = rows.filter({ hasText: 'evil.example:80' });
    await twice.getByText('it is not on the allow-list of this function').waitFor();
    await twice.getByRole('cell', { name: '2', exact: true }).waitFor();
    await rows.filter({ hasText: 'evil.example:8443' }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await overflowPx(page)).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('take no place on the page of a function without a way out', async () => {
    await page.goto(`${platform.url}/functions/quiet`);
    await page.getByRole('heading', { name: 'Call it' }).waitFor();
    await expect.poll(() => page.getByRole('status', { name: /^Loading/ }).count()).toBe(0);
    expect(await page.getByRole('heading', { name: 'Way out' }).count()).toBe(0);
  });
});
