import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { accessibilityFaults, expectFine, patienceMs, startWithBrowser, whyNoChromium } from './support/browser.ts';

const password = 'correct horse battery';

describe.skipIf(whyNoChromium !== undefined)(`people and projects in the dashboard${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    const made = [
      await platform.api('POST', '/api/v1/projects', { name: 'acme' }),
      await platform.api('POST', '/api/v1/users', {
        name: 'ada',
        password,
        roles: [{ project: '*', role: 'owner' }],
      }),
      await platform.api('POST', '/api/v1/users', {
        name: 'vera',
        password,
        roles: [{ project: 'default', role: 'viewer' }],
      }),
      await platform.api('POST', '/api/v1/functions', {
        name: 'ours',
        files: { 'index.mjs': 'export const handler = 1;' },
      }),
    ];
    for (const response of made) expect(response.status).toBe(201);
    page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(patienceMs);
    await page.goto(`${platform.url}/functions`);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  const button = (name: string) => page.getByRole('button', { name, exact: true });

  it('signs in with user and password, and says when they are wrong', async () => {
    await page.getByRole('tab', { name: 'User and password' }).click();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByLabel('User', { exact: true }).fill('ada');
    await page.getByLabel('Password', { exact: true }).fill('something else');
    await button('Sign in').click();
    await page.getByText('User or password is wrong.').waitFor();
    await page.getByLabel('Password', { exact: true }).fill(password);
    await button('Sign in').click();
    await page.getByRole('heading', { level: 1, name: 'Functions' }).waitFor();
    await page.getByRole('link', { name: 'ours', exact: true }).first().waitFor();
  });

  it('shows one project at a time', async () => {
    await page.getByLabel('Project', { exact: true }).selectOption('acme');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.goto(`${platform.url}/functions`);
    await page.getByRole('heading', { level: 1, name: 'Functions' }).waitFor();
    await expect.poll(() => page.getByRole('status', { name: /^Loading/ }).count()).toBe(0);
    await expect.poll(() => page.getByRole('link', { name: 'ours', exact: true }).count()).toBe(0);
    await page.getByLabel('Project', { exact: true }).selectOption('default');
    await page
      .getByRole('link', { name: /^Functions/ })
      .first()
      .click();
    await page.getByRole('link', { name: 'ours', exact: true }).first().waitFor();
  });

  it('makes a user, and shows who did it', async () => {
    await page.goto(`${platform.url}/users`);
    await button('New user').click();
    await page.getByRole('dialog').getByLabel('Name').fill('bob');
    await page.getByRole('dialog').getByLabel('Password').fill(password);
    await page.getByRole('dialog').getByLabel('Project').selectOption('acme');
    expect(await accessibilityFaults(page)).toEqual([]);
    await button('Create').click();
    await page.getByRole('cell', { name: 'acme: developer' }).waitFor();
    await page.goto(`${platform.url}/audit`);
    await page.getByRole('cell', { name: 'user.create' }).first().waitFor();
    await button('Verify chain').click();
    await page.getByText(/^Intact: \d+ changes/).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByLabel('Kind of thing').selectOption('project');
    await page.getByRole('cell', { name: 'user.create' }).first().waitFor({ state: 'detached' });
    await page.getByRole('cell', { name: 'project.create' }).waitFor();
    expect(new URL(page.url()).searchParams.get('resource')).toBe('project');
    const saved = page.waitForEvent('download');
    await button('Export CSV').click();
    const file = await saved;
    expect(file.suggestedFilename()).toBe('hearth-audit.csv');
    expect(readFileSync(await file.path(), 'utf8')).toMatch(
      /^at,actor,.*\r\n\S+,[^,]+,project\.create,acme,done,.*\r\n$/,
    );
    await page.getByLabel('Kind of thing').selectOption('user');
    await page.getByRole('button', { name: 'bob', exact: true }).click();
    await page.waitForURL(/target=bob/);
    // The address changes before the list: those of others go first.
    await expect.poll(() => page.getByRole('cell', { name: 'user.create' }).count()).toBe(1);
    await expectFine(page, [
      ['light', 1280],
      ['dark', 390],
    ]);
    expect(await page.content()).not.toContain(password);
  });

  it('gives roles in a project, and keeps its last owner', async () => {
    await page.goto(`${platform.url}/users`);
    await button('Roles: bob').click();
    await page.getByLabel('Role in acme', { exact: true }).selectOption('owner');
    expect(await accessibilityFaults(page)).toEqual([]);
    await button('Save').click();
    await page.getByRole('cell', { name: 'acme: owner' }).waitFor();
    await page.getByRole('link', { name: 'Projects and members' }).click();
    await page.getByRole('link', { name: 'acme', exact: true }).click();
    await page.getByLabel('Role of bob', { exact: true }).waitFor();
    // The list of members may be that of before, in which bob is no owner.
    await expect.poll(() => button('Remove bob').getAttribute('aria-disabled')).toBe('true');
    await page.getByLabel('User', { exact: true }).fill('vera');
    await page.getByLabel('User', { exact: true }).press('Enter');
    await page.getByLabel('Role of vera', { exact: true }).selectOption('operator');
    expect(await accessibilityFaults(page)).toEqual([]);
    await expect
      .poll(async () => (await platform.api('GET', '/api/v1/users/vera')).json())
      .toMatchObject({
        roles: [{ project: 'default' }, { project: 'acme', role: 'operator' }],
      });
  });

  it('lets people change their own password, and ends their other sessions', async () => {
    const signedIn = (user: string, word: string) =>
      fetch(`${platform.url}/api/v1/sessions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ user, password: word }),
      });
    const other = (await (await signedIn('ada', password)).json()) as { token: string };
    await button('Change the password of ada').click();
    const dialog = page.getByRole('dialog', { name: 'Password of ada' });
    await dialog.getByLabel('Current password').fill('something else');
    await dialog.getByLabel('New password').fill('staple of the horse');
    expect(await accessibilityFaults(page)).toEqual([]);
    await button('Change password').click();
    await dialog.getByText(/current password is wrong/i).waitFor();
    await dialog.getByLabel('Current password').fill(password);
    await button('Change password').click();
    await dialog.waitFor({ state: 'detached' });
    const headers = { authorization: `Bearer ${other.token}` };
    expect((await fetch(`${platform.url}/api/v1/whoami`, { headers })).status).toBe(401);
    expect((await signedIn('ada', password)).status).toBe(401);
    expect((await signedIn('ada', 'staple of the horse')).status).toBe(201);
    await page.goto(`${platform.url}/functions`);
    await page.getByRole('heading', { level: 1, name: 'Functions' }).waitFor();
  });

  it('ends the session at the platform when somebody signs out', async () => {
    const token = (await page.evaluate('sessionStorage.getItem("hearth.token")')) as string;
    expect(token).toMatch(/^hearth_/);
    await button('Sign out').click();
    await page.getByText('Sign in to Hearth').waitFor();
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${platform.url}/api/v1/whoami`, { headers })).status).toBe(401);
  });

  it('offers a viewer what a viewer may do, and says why not the rest', async () => {
    await page.goto(`${platform.url}/functions/ours/settings`);
    await page.getByRole('tab', { name: 'User and password' }).click();
    await page.getByLabel('User', { exact: true }).fill('vera');
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByLabel('Password', { exact: true }).press('Enter');
    const reason = 'needs the role developer in this project; you are viewer here';
    await button('Delete this function')
      .and(page.locator(`[data-tooltip="${reason}"]`))
      .waitFor();
    const rail = page.getByRole('navigation', { name: 'Main' }).getByRole('link');
    expect((await rail.allInnerTexts()).map((text) => text.trim())).toEqual(
      expect.not.arrayContaining(['Tokens', 'Users', 'Audit']),
    );
    // With the keyboard: the reason describes the control that has the focus.
    await page.getByRole('switch', { name: 'Answers calls' }).focus();
    await page.keyboard.press('Tab');
    const described = page.locator(':focus');
    await expect.poll(() => described.innerText()).toBe('Delete this function');
    await page.getByRole('tooltip').waitFor();
    // As when the page is scrolled to what gets the focus.
    await page.evaluate("document.dispatchEvent(new Event('scroll'))");
    await page.evaluate("document.body.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }))");
    const id = await described.getAttribute('aria-describedby');
    expect(await page.locator(`[id="${id}"]`).innerText()).toBe(reason);
    await page.keyboard.press('Enter');
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.getByRole('tooltip').waitFor({ state: 'detached' });
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.goto(`${platform.url}/users`);
    await page.getByText('Not for your role').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
  });
});
