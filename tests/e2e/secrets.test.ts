import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { accessibilityFaults, openDashboard, overflowPx, startWithBrowser, whyNoChromium } from './support/browser.ts';

const first = 'first-value-4711';
const second = 'second\nvalue-4712';

describe.skipIf(whyNoChromium !== undefined)(`secrets in the dashboard${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    await open('light', 1366);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  async function open(theme: 'light' | 'dark', width: number): Promise<void> {
    await page?.context().close();
    ({ page, complaints } = await openDashboard(browser, platform, { theme, width }));
  }
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const answer = async () => (await fetch(`${platform.gatewayUrl}/reader`)).text();

  it('is found with the command palette, and sets a secret without showing what is typed', async () => {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill('secr');
    await page.getByRole('option', { name: /Secrets/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('No secrets').waitFor();
    await button('New secret').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('1ST');
    await dialog.getByText('not starting with a digit').waitFor();
    await dialog.getByLabel('Name').fill('PASSWORD_OF_DB');
    const value = dialog.getByLabel('Value');
    await value.fill(first);
    const hiding = () =>
      page.evaluate("getComputedStyle(document.querySelector('textarea')).getPropertyValue('-webkit-text-security')");
    await expect.poll(hiding).toBe('disc');
    await dialog.getByLabel('Show what I type').check();
    await expect.poll(hiding).toBe('none');
    await dialog.getByLabel('Show what I type').uncheck();
    expect(await accessibilityFaults(page)).toEqual([]);
    await button('Create').click();
    await page.getByRole('cell', { name: 'PASSWORD_OF_DB', exact: true }).waitFor();
    expect(await page.content()).not.toContain(first);
  });

  it('does not replace another secret when a new one is wanted', async () => {
    await button('New secret').click();
    await page.getByRole('dialog').getByLabel('Name').fill('PASSWORD_OF_DB');
    await page.getByRole('dialog').getByLabel('Value').fill('by accident');
    await button('Create').click();
    await page.getByText('There is a secret PASSWORD_OF_DB already').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('cell', { name: 'no. 1', exact: true }).waitFor();
  });

  it('says who uses it, and gives functions another value', async () => {
    const source = 'export const handler = async () => process.env.PASSWORD_OF_DB;';
    const body = { name: 'reader', files: { 'index.mjs': source }, secrets: ['PASSWORD_OF_DB'] };
    expect((await platform.api('POST', '/api/v1/functions', body)).status).toBe(201);
    await expect.poll(answer).toBe(first);
    await page.reload();
    await page.getByRole('link', { name: /^reader/ }).waitFor();
    await button('Replace value: PASSWORD_OF_DB').click();
    await page.getByRole('dialog').getByLabel('Value').fill(second);
    expect(await accessibilityFaults(page)).toEqual([]);
    await button('Replace').click();
    await page.getByRole('cell', { name: 'no. 2', exact: true }).waitFor();
    await expect.poll(answer).toBe(second);
    for (const value of [first, 'value-4712']) expect(await page.content()).not.toContain(value);
  });

  it('comes with others from a pasted .env file, by names alone', async () => {
    await button('Import a .env file').click();
    const dialog = page.getByRole('dialog');
    const text = dialog.getByLabel('Text of a .env file');
    await text.fill('PATH=/bin\n');
    await dialog.getByText('this name is set by the platform').waitFor();
    await text.fill('# pasted\nexport FIRST_OF_TWO="line one\nplanted-4713" # why\nSECOND_OF_TWO=planted-4714\n');
    await dialog.getByRole('listitem').filter({ hasText: 'FIRST_OF_TWO' }).getByText('new').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await button('Import 2 secrets').click();
    await page.getByText('2 secrets are set').waitFor();
    await page.getByLabel('Which secrets').selectOption('unused');
    await page.getByRole('cell', { name: 'FIRST_OF_TWO', exact: true }).waitFor();
    await expect.poll(() => page.getByRole('cell', { name: 'PASSWORD_OF_DB', exact: true }).count()).toBe(0);
    expect(await page.content()).not.toContain('planted-47');
    for (const name of ['FIRST_OF_TWO', 'SECOND_OF_TWO'])
      expect((await platform.api('DELETE', `/api/v1/secrets/${name}`)).status).toBe(204);
  });

  it('is given to a function in its settings, together with batches', async () => {
    await page.goto(`${platform.url}/functions/reader/settings`);
    await expect.poll(() => page.getByLabel('PASSWORD_OF_DB').isChecked()).toBe(true);
    await page.getByLabel('PASSWORD_OF_DB').uncheck();
    await page.getByLabel('Most calls').fill('0');
    await page.getByText('A whole number from 1 to 1000').waitFor();
    await page.getByLabel('Most calls').fill('8');
    await page.getByLabel('Window (ms)').fill('5');
    expect(await accessibilityFaults(page)).toEqual([]);
    await button('Save as new version').click();
    await page.getByText('Version 2 is live').waitFor();
    await page.getByText('of version 2;').waitFor();
    const made = await (await platform.api('GET', '/api/v1/functions/reader/versions/2')).json();
    expect(made).toMatchObject({ config: { secrets: [], batch: { maxSize: 8, windowMs: 5, maxBytes: 1_048_576 } } });
    await page.getByLabel('PASSWORD_OF_DB').check();
    await button('Save as new version').click();
    await page.getByText('of version 3;').waitFor();
    await expect.poll(answer).toBe(second);
    await page.goto(`${platform.url}/secrets`);
    await page.getByRole('link', { name: 'reader v3' }).waitFor();
  });

  it('deletes one by its typed name, unless a function needs it', async () => {
    const remove = async (name: string) => {
      await button(`Delete ${name}`).click();
      expect(await button('Delete for good').getAttribute('aria-disabled')).toBe('true');
      await page.getByRole('dialog').getByLabel(`Type ${name} to confirm`).fill(name);
      expect(await accessibilityFaults(page)).toEqual([]);
      await button('Delete for good').click();
    };
    await remove('PASSWORD_OF_DB');
    await page.getByText('Not deleted').waitFor();
    expect((await platform.api('PUT', '/api/v1/secrets/SPARE', { value: 'unused' })).status).toBe(200);
    await page.reload();
    await remove('SPARE');
    await page.getByText('SPARE was deleted').waitFor();
    await expect.poll(() => page.getByRole('cell', { name: 'SPARE', exact: true }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it.each([
    ['light', 1366],
    ['dark', 360],
  ] as const)('is accessible in the %s theme at %i pixels', async (theme, width) => {
    await open(theme, width);
    await page.goto(`${platform.url}/secrets`);
    await page.getByRole('link', { name: /^reader/ }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await overflowPx(page)).toBe(0);
    expect(complaints).toEqual([]);
  });
});
