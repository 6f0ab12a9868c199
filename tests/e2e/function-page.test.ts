import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { accessibilityFaults, openDashboard, overflowPx, startWithBrowser, whyNoChromium } from './support/browser.ts';

const themes = [
  ['light', 1366],
  ['dark', 390],
] as const;

/** The page of one function: its versions, settings and triggers in a real browser. */
describe.skipIf(whyNoChromium !== undefined)(`page of a function${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    const deploy = async (path: string, text: string, more: object) => {
      const files = { 'index.mjs': `export const handler = async () => '${text}';\n` };
      expect((await platform.api('POST', `/api/v1/functions${path}`, { files, ...more })).status).toBe(201);
    };
    await deploy('', 'first text', { name: 'shop', message: 'Opened' });
    await deploy('/shop/versions', 'second text', { memoryMb: 192, message: 'More memory' });
    await deploy('/shop/versions', 'third text', { memoryMb: 256, message: 'Even more' });
    ({ page, complaints } = await openDashboard(browser, platform));
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  afterEach(() => {
    expect(complaints.splice(0)).toEqual([]);
  });

  const go = async (path: string) => {
    await page.goto(`${platform.url}/functions/shop/${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
  };
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const inTheme = async (theme: 'light' | 'dark', width: number) => {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height: 768 });
  };
  const isFine = async () => {
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await overflowPx(page)).toBe(0);
  };

  it('compares code and settings of any two versions, at first the chosen one with the live one', async () => {
    await go('versions');
    await page.getByRole('row').filter({ hasText: 'Opened' }).getByRole('button', { name: 'Compare' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/'first text'/).waitFor();
    await dialog.getByText(/'third text'/).waitFor();
    const [from, to] = [dialog.getByLabel('From'), dialog.getByLabel('To')];
    expect([await from.inputValue(), await to.inputValue()]).toEqual(['1', '3']);
    await from.selectOption('2');
    await to.selectOption('1');
    await dialog.getByRole('heading', { name: 'Version 2 → 1' }).waitFor();
    await dialog.getByRole('definition').filter({ hasText: '192 → 128' }).waitFor();
    await dialog.getByText(/^\+ .*'first text'/).waitFor();
    await dialog.getByText(/^− .*'second text'/).waitFor();
    expect(await dialog.getByText(/'third text'/).count()).toBe(0);
    for (const [theme, width] of themes) {
      await inTheme(theme, width);
      await isFine();
    }
    await to.selectOption('2');
    await dialog.getByText('This is the same version twice: choose another one.').waitFor();
    await page.keyboard.press('Escape');
    await inTheme('light', 1366);
  });

  it('keeps the reason of a rollback with the versions and in the audit trail', async () => {
    await go('versions');
    await page.getByRole('row').filter({ hasText: 'More memory' }).getByRole('button', { name: 'Roll back' }).click();
    await page.getByLabel('Reason (optional)').fill('third text was too much');
    await isFine();
    await button('Roll back to v2').click();
    await page.getByText('Traffic moved').waitFor();
    await page.reload();
    await page.getByText('third text was too much').waitFor();
    const alias = await platform.api('GET', '/api/v1/functions/shop/aliases/live');
    expect(await alias.json()).toMatchObject({ versions: [{ version: 2 }], message: 'third text was too much' });
    const audit = await (await platform.api('GET', '/api/v1/audit?limit=1')).json();
    expect(audit).toMatchObject({ items: [{ action: 'alias.put', detail: { message: 'third text was too much' } }] });
    await isFine();
  });
});
