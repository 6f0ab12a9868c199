import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { functionPageSchema } from '../../shared/api/functions.ts';
import { acceptedSchema, invocationDetailSchema } from '../../shared/api/invocations.ts';
import { eventually, type Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { expectFine, goTo, openDashboard, startWithBrowser, whyNoChromium } from './support/browser.ts';

const names = ['billing', 'checkout', 'stock'] as const;

/** The list of functions: what it shows of each, and what can be done with several at once, in a real browser. */
describe.skipIf(whyNoChromium !== undefined)(`list of functions${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    const files = { 'index.mjs': 'export const handler = async (event) => event;\n' };
    for (const name of names) {
      const schedules = [{ name: 'yearly', cron: '0 0 1 1 *' }];
      const body = { name, files, memoryMb: 192, schedules };
      expect((await platform.api('POST', '/api/v1/functions', body)).status).toBe(201);
    }
    expect((await fetch(`${platform.gatewayUrl}/stock`)).status).toBe(200);
    ({ page, complaints } = await openDashboard(browser, platform));
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  afterEach(() => {
    expect(complaints.splice(0)).toEqual([]);
  });

  const open = async (path = '/functions') => {
    await goTo(page, platform.url + path);
  };
  const row = (name: string) => page.getByRole('row').filter({ hasText: name });
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const enabled = async () => {
    const { items } = functionPageSchema.parse(await (await platform.api('GET', '/api/v1/functions')).json());
    return items.filter((item) => item.enabled).map((item) => item.name);
  };
  const isFine = async () =>
    await expectFine(page, [
      ['light', 1366],
      ['dark', 390],
      ['light', 320],
    ]);

  it('shows memory against the limit, and who deployed when; sorts by both', async () => {
    await open();
    await row('stock')
      .getByText(/^[1-9]\d* \/ 192 MiB$/)
      .waitFor();
    await row('billing').getByText('– / 192 MiB').waitFor();
    await row('billing').getByText('by admin').waitFor();
    await page.getByRole('button', { name: 'Memory' }).click();
    await page.getByRole('row').nth(1).getByText('stock').waitFor();
    await page.getByRole('button', { name: 'Deployed' }).click();
    await page.getByRole('row').nth(1).getByText('stock').waitFor();
    await isFine();
  });

  it('disables several by keyboard after a question; they keep what they have, and what waits runs when they are enabled', async () => {
    const path = '/api/v1/functions/billing/invocations?mode=async&delayMs=5000';
    await open();
    await page.getByRole('cell').first().waitFor();
    // The keys come with a chunk of their own.
    const nextRow = async () => {
      await page.keyboard.press('j');
      return await page.evaluate('document.activeElement.closest("tr") !== null');
    };
    await expect.poll(nextRow).toBe(true);
    await page.keyboard.press('x');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.getByText('2 selected').waitFor();
    await isFine();
    await button('Disable').focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Disable 2 functions?' });
    await dialog.getByText('billing, checkout').waitFor();
    await isFine();
    expect(await enabled()).toEqual([...names]);
    const accepted = await platform.api('POST', path, { order: 7 });
    const { id } = acceptedSchema.parse(await accepted.json());
    await dialog.getByRole('button', { name: 'Disable 2 functions' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('2 functions are disabled').waitFor();
    await row('billing').getByText('Disabled').last().waitFor();
    await expect.poll(enabled).toEqual(['stock']);
    await page.getByText('0 selected').waitFor();

    const call = await fetch(`${platform.gatewayUrl}/billing`);
    expect(call.status).toBe(503);
    expect(await call.json()).toMatchObject({ code: 'function_disabled' });
    expect((await platform.api('POST', path, {})).status).toBe(503);
    const status = async () => {
      const answer = await platform.api('GET', `/api/v1/invocations/${id}`);
      return invocationDetailSchema.parse(await answer.json());
    };
    // Long after it is due it still waits, and nothing was tried.
    await eventually(async () => {
      const { nextAttemptAt } = await status();
      if (Date.parse(nextAttemptAt ?? '') > Date.now() - 1000) throw new Error('not due for a second yet');
    });
    expect(await status()).toMatchObject({ status: 'queued', attempts: 0 });
    const schedules = await (await platform.api('GET', '/api/v1/schedules?function=billing')).json();
    expect(schedules).toMatchObject({ items: [{ enabled: true, nextTicks: [] }] });

    await button('Select all 3').click();
    await button('Enable').click();
    await page.getByText('2 functions are enabled').waitFor();
    await eventually(async () => {
      const { status: now, attempts } = await status();
      if (now !== 'success') throw new Error(`it is ${now}`);
      expect(attempts).toBe(1);
    });
    const detail = { before: { enabled: false }, after: { enabled: true } };
    const audit = await (await platform.api('GET', '/api/v1/audit?limit=1')).json();
    expect(audit).toMatchObject({ items: [{ action: 'function.update', detail }] });
  });

  it('says on every page of a disabled function that it is, with a switch in the settings', async () => {
    await open('/functions/stock/settings');
    const service = page.getByRole('switch', { name: 'Answers calls' });
    await expect.poll(() => service.getAttribute('aria-checked')).toBe('true');
    await service.focus();
    await page.keyboard.press('Space');
    await page.getByText('This function is disabled').waitFor();
    await expect.poll(() => service.getAttribute('aria-checked')).toBe('false');
    expect((await fetch(`${platform.gatewayUrl}/stock`)).status).toBe(503);
    await isFine();
    await open('/functions/stock');
    await button('Enable it').click();
    await page.getByText('This function is disabled').waitFor({ state: 'detached' });
    expect((await fetch(`${platform.gatewayUrl}/stock`)).status).toBe(200);
  });

  it('lists names whose first build failed, with its log and a way to try again', async () => {
    const body = { name: 'stillborn', files: { 'index.ts': 'export const x = ;' } };
    expect((await platform.api('POST', '/api/v1/functions', body)).status).toBe(422);
    await open();
    const uncreated = page.getByRole('list', { name: 'Not created' });
    await uncreated.getByText('failed', { exact: true }).waitFor();
    await isFine();
    await button('Log of the build of stillborn').click();
    await page.getByRole('dialog').getByText('index.ts:1:18: Unexpected ";"').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Try again to create stillborn' }).click();
    await page.waitForURL('**/functions/new?name=stillborn');
    await button('Deploy').click();
    await page.waitForURL('**/functions/stillborn/code**');
    await open();
    await row('stillborn').waitFor();
    await expect.poll(() => uncreated.count()).toBe(0);
    expect((await platform.api('DELETE', '/api/v1/functions/stillborn')).status).toBe(204);
  });

  it('says which of several was refused, and does the others', async () => {
    await open();
    await page.getByLabel('Select stock').check();
    await page.getByLabel('Select billing').check();
    await button('Disable').click();
    expect((await platform.api('DELETE', '/api/v1/functions/billing')).status).toBe(204);
    await button('Disable 2 functions').click();
    await page.getByText('billing was not disabled').waitFor();
    await page.getByText('stock is disabled').waitFor();
    await expect.poll(enabled).toEqual(['checkout']);
  });
});
