import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hourMs } from '../../shared/durations.ts';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { expectFine, goTo, openDashboard, startWithBrowser, whyNoChromium } from './support/browser.ts';

/** One more than fits on a page of a list. */
const count = 51;
const nameOf = (index: number) => `item-${String(index).padStart(2, '0')}`;

/** Lists that are longer than a page, and lists of a part of the time. */
describe.skipIf(whyNoChromium !== undefined)(`lists of the dashboard${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    const source = "export const handler = async () => 'ok';";
    expect((await create('functions', { name: 'hello', files: { 'index.mjs': source } })).status).toBe(201);
    ({ page, complaints } = await openDashboard(browser, platform));
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });
  afterEach(() => {
    expect(complaints.splice(0)).toEqual([]);
  });

  const create = (noun: string, body: object) => platform.api('POST', `/api/v1/${noun}`, body);
  const go = async (path: string) => {
    await goTo(page, platform.url + path);
  };
  const isFine = async () =>
    await expectFine(page, [
      ['light', 1366],
      ['dark', 390],
    ]);

  it.each([
    ['tokens', (name: string) => ({ name, scope: 'invoke' })],
    ['users', (name: string) => ({ name, roles: [{ project: '*', role: 'owner' }] })],
    ['alerts', (name: string) => ({ name, metric: 'errors', threshold: 1 })],
  ] as const)('go on after the first page of %s, to the last', async (noun, bodyOf) => {
    const made = await Promise.all(Array.from({ length: count }, (_, index) => create(noun, bodyOf(nameOf(index)))));
    expect([...new Set(made.map(({ status }) => status))]).toEqual([201]);
    await go(`/${noun}`);
    const items = page.getByText(/^item-\d\d$/);
    await items.first().waitFor();
    const shown = await items.count();
    expect(shown).toBeLessThan(count);
    const more = page.getByRole('button', { name: 'Load more', exact: true });
    await more.click();
    await more.waitFor({ state: 'detached' });
    await expect.poll(async () => new Set(await items.allTextContents()).size).toBe(count);
    await isFine();
  });

  it('show the invocations of a range, which is in the address, and of all of the time', async () => {
    const calls = Array.from({ length: 3 }, () => fetch(`${platform.gatewayUrl}/hello`));
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200]);
    await go('/invocations');
    const rows = page.getByRole('row').filter({ hasText: 'hello' });
    await expect.poll(() => rows.count()).toBe(3);
    const range = page.getByRole('group', { name: 'Time range' });
    await range.getByRole('button', { name: 'All', exact: true, pressed: true }).waitFor();
    await range.getByRole('button', { name: '15 m', exact: true }).click();
    await page.waitForURL(/range=15m/);
    await expect.poll(() => rows.count()).toBe(3);
    await isFine();
    const before = Math.floor(Date.now() / hourMs) * hourMs - 48 * hourMs;
    await go(`/invocations?range=${before}-${before + hourMs}`);
    await page.getByText('Nothing matches these filters').waitFor();
    await expect.poll(() => rows.count()).toBe(0);
    await isFine();
    await page.getByRole('button', { name: 'Back to all of the time' }).click();
    await expect.poll(() => rows.count()).toBe(3);
    await page.waitForURL((url) => !url.searchParams.has('range'));
  });

  it('find a call by what its error says, and show and replay its request', async () => {
    const source = "export const handler = async () => { throw new TypeError('no such order'); };";
    expect((await create('functions', { name: 'orders', files: { 'index.mjs': source } })).status).toBe(201);
    const init = { method: 'PUT', headers: { cookie: 'planted=1', 'x-a': 'b' }, body: '{"sku":"A-1"}' };
    expect((await fetch(`${platform.gatewayUrl}/orders/17?token=planted`, init)).status).toBe(502);
    await go('/invocations');
    await page.getByRole('searchbox', { name: 'Id, trace id or error' }).fill('SUCH order');
    await page.waitForURL(/q=SUCH/);
    const rows = page.getByRole('row').filter({ hasText: 'orders' });
    await expect.poll(() => rows.count()).toBe(1);
    await rows.getByRole('button').click();
    const panel = page.getByRole('dialog');
    await panel.getByRole('tab', { name: 'Request' }).click();
    await panel.getByText('/orders/17?token=redacted').waitFor();
    await panel.getByText('"sku": "A-1"').waitFor();
    await panel.getByText('left out: header cookie, query token').waitFor();
    await isFine();
    await panel.getByRole('button', { name: 'Save as test event' }).click();
    await panel.getByLabel('Name of the event').fill('seventeen');
    await panel.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('Only you can see it.').waitFor();
    await panel.getByRole('button', { name: 'Replay' }).click();
    await page.getByText('Replay queued').waitFor();
    await page.keyboard.press('Escape');
    await go('/invocations?trigger=replay');
    await expect.poll(() => rows.count()).toBe(1);
  });
});
