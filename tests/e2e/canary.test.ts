import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import {
  accessibilityFaults,
  expectFine,
  openDashboard,
  overflowPx,
  startWithBrowser,
  whyNoChromium,
} from './support/browser.ts';

describe.skipIf(whyNoChromium !== undefined)(`a canary in the dashboard${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];
  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    const deploy = async (path: string, body: object) =>
      expect((await platform.api('POST', `/api/v1/functions${path}`, body)).status).toBe(201);
    await deploy('', { name: 'shop', files: { 'index.mjs': 'export const handler = async () => "stable";' } });
    const broken = 'export const handler = async () => { throw new Error("broken"); };';
    await deploy('/shop/versions', { files: { 'index.mjs': broken }, promote: false });
    ({ page, complaints } = await openDashboard(browser, platform));
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  it('is guarded unless said otherwise, and says why it was taken back', async () => {
    await page.goto(`${platform.url}/functions/shop/versions`);
    await page
      .getByRole('button', { name: /^Split/ })
      .first()
      .click();
    const guard = page.getByRole('dialog').getByLabel('Take it back by itself when it fails more than version 1');
    await expect.poll(() => guard.isChecked()).toBe(true);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByLabel('Also when its p95 is much higher').check();
    await page.getByLabel('How many times that of version 1').fill('0.5');
    await page.getByText('A number from 1 to 1000').waitFor();
    await page.getByLabel('How many times that of version 1').fill('2.5');
    await expectFine(page, [
      ['light', 1280],
      ['dark', 390],
    ]);
    await page.getByLabel(/^Share of version 2/).fill('95');
    await page.getByRole('button', { name: 'Apply', exact: true }).click();
    await page.getByText('Traffic moved').waitFor();
    const live = await (await platform.api('GET', '/api/v1/functions/shop/aliases/live')).json();
    expect(live).toMatchObject({ canary: { stable: 1, maxP95Ratio: 2.5, maxErrorRateRise: 0.05 } });
    // 95 of 100 go to the canary: of sixty, twenty surely.
    for (let index = 0; index < 60; index++) await fetch(`${platform.gatewayUrl}/shop`);
    await page.getByText(/^A canary was taken back/).waitFor();
    const reason = /^version 2: 100 % of \d+ calls failed/;
    await page.getByText(reason).first().waitFor();
    const move = page.getByRole('row').filter({ hasText: 'canary taken back' });
    await move.getByText(reason).waitFor();
    await move.getByText('canary guard').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    for (const path of ['/functions/shop', '/']) {
      await page.goto(platform.url + path);
      await page.getByText('A canary was taken back in the last 24 hours').waitFor();
      await page.getByText(/version 2: 100 % of \d+ calls failed/).waitFor();
      expect(await accessibilityFaults(page)).toEqual([]);
    }
    await page.setViewportSize({ width: 360, height: 768 });
    expect(await overflowPx(page)).toBe(0);
    expect(complaints).toEqual([]);
  });
});
