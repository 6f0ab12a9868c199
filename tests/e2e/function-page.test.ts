import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { versionPageSchema, versionSchema } from '../../shared/api/functions.ts';
import { NpmRegistry } from '../support/npm-registry.ts';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import {
  accessibilityFaults,
  goTo,
  openDashboard,
  overflowPx,
  patienceMs,
  startWithBrowser,
  whyNoChromium,
} from './support/browser.ts';

const themes = [
  ['light', 1366],
  ['dark', 390],
] as const;

/** For what the page does by itself, on a machine that has much else to do. */
const patience = { timeout: patienceMs } as const;

/** The page of one function: its versions, settings and triggers in a real browser. */
describe.skipIf(whyNoChromium !== undefined)(`page of a function${skippedFor(whyNoChromium)}`, () => {
  let registry: NpmRegistry;
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    registry = await NpmRegistry.start();
    ({ platform, browser } = await startWithBrowser({ environment: { HEARTH_NPM_REGISTRY: registry.url } }));
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
    await registry?.close();
  });

  afterEach(() => {
    expect(complaints.splice(0)).toEqual([]);
  });

  const go = async (path: string) => {
    await goTo(page, `${platform.url}/functions/shop/${path}`);
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
    await expect.poll(async () => [await from.inputValue(), await to.inputValue()]).toEqual(['1', '3']);
    await from.selectOption('2');
    await to.selectOption('1');
    await dialog.getByRole('heading', { name: 'Version 2 → 1' }).waitFor();
    await dialog.getByRole('definition').filter({ hasText: '192 → 128' }).waitFor();
    await dialog.getByText(/^\+ .*'first text'/).waitFor();
    await dialog.getByText(/^− .*'second text'/).waitFor();
    await expect.poll(() => dialog.getByText(/'third text'/).count()).toBe(0);
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
    const history = page.locator('section').filter({ has: page.getByRole('heading', { name: 'History' }) });
    const moved = history.getByRole('row').filter({ hasText: 'third text was too much' });
    await moved.getByText('rolled back').waitFor();
    await moved.getByText('v3 → v2').waitFor();
    await expect.poll(() => history.getByText('deployed').count()).toBe(3);
    await fetch(`${platform.gatewayUrl}/shop`);
    await moved.getByRole('button', { name: /^Before and after/ }).click();
    await page.getByText('0 → 1', { exact: true }).waitFor();
    const alias = await platform.api('GET', '/api/v1/functions/shop/aliases/live');
    expect(await alias.json()).toMatchObject({ versions: [{ version: 2 }], message: 'third text was too much' });
    const audit = await (await platform.api('GET', '/api/v1/audit?limit=1')).json();
    expect(audit).toMatchObject({ items: [{ action: 'alias.put', detail: { message: 'third text was too much' } }] });
    await isFine();
  });

  it('sets retries, idle time, callers and CORS, says what is wrong beside the field, and loses nothing', async () => {
    const jwt = { type: 'jwt', issuer: 'https://login.example', audience: ['shop'] };
    const auth = { ...jwt, jwksUrl: 'https://login.example/keys', algorithms: ['ES256'], clockToleranceSeconds: 5 };
    const more = { auth, rateLimits: [{ by: 'caller', requests: 9, windowSeconds: 60 }], initTimeoutMs: 9000 };
    expect((await platform.api('POST', '/api/v1/functions/shop/versions', more)).status).toBe(201);
    const config = async (version: number) => {
      const answer = await platform.api('GET', `/api/v1/functions/shop/versions/${version}`);
      return versionSchema.parse(await answer.json()).config;
    };
    const fill = (label: string, text: string) => page.getByLabel(label, { exact: true }).fill(text);
    const save = async (version: number) => {
      await button('Save as new version').click();
      await page.getByText(`of version ${version};`).waitFor();
    };
    const before = await config(4);
    await go('settings');
    await expect.poll(() => page.getByLabel('Address of the keys').inputValue()).toBe(auth.jwksUrl);
    await fill('Address of the keys', 'http://login.example/keys');
    await page.getByText('An address that begins with https://').waitFor();
    await fill('Attempts', '21');
    await page.getByText('A whole number from 1 to 20').waitFor();
    for (const [theme, width] of themes) {
      await inTheme(theme, width);
      await isFine();
    }
    await inTheme('light', 1366);
    await fill('Address of the keys', auth.jwksUrl);
    await fill('Attempts', '5');
    await fill('Kept idle (ms)', '90000');
    await page.getByLabel('Pages of other sites (CORS)').selectOption('on');
    await fill('Origins', 'https://a.example\nhttps://b.example');
    await fill('Methods', 'GET, POST');
    await save(5);
    const cors = { origins: ['https://a.example', 'https://b.example'], methods: ['GET', 'POST'] };
    const retry = { ...before.retry, maxAttempts: 5 };
    expect(await config(5)).toEqual({ ...before, retry, cors, idleTimeoutMs: 90_000 });
    await fill('Kept idle (ms)', '');
    await fill('Memory (MiB)', '160');
    await save(6);
    expect(await config(6)).toEqual({ ...before, retry, cors, memoryMb: 160 });
    // Limits by caller need callers.
    await page.getByLabel('Who may call').selectOption('public');
    await page.getByText('Nobody knows who calls: choose above who may', { exact: true }).waitFor();
    await expect.poll(() => button('Save as new version').getAttribute('aria-disabled')).toBe('true');
    await page.getByLabel('Who may call').selectOption('token');
    await button('Remove rate limit 1').click();
    for (const subject of ['address', 'function']) {
      await button('Add a rate limit').click();
      const limit = page.getByRole('group', { name: subject === 'address' ? 'Rate limit 1' : 'Rate limit 2' });
      await expect.poll(() => limit.getByLabel('Counted for').inputValue()).toBe(subject);
      await limit.getByLabel('Requests').fill(subject === 'address' ? '1000001' : '500');
    }
    await page.getByText('A whole number from 1 to 1000000').waitFor();
    for (const [theme, width] of themes) {
      await inTheme(theme, width);
      await isFine();
    }
    await page.getByRole('group', { name: 'Rate limit 1' }).getByLabel('Requests').fill('50');
    await page.getByRole('button', { name: /^\d+ changes$/ }).click();
    const changes = page.locator('section', { has: page.getByRole('heading', { name: 'What changes' }) });
    await changes.getByText('rateLimits', { exact: true }).waitFor();
    await changes.getByText('auth.type', { exact: true }).waitFor();
    await isFine();
    await save(7);
    expect((await config(7)).rateLimits).toEqual([
      { by: 'address', requests: 50, windowSeconds: 60 },
      { by: 'function', requests: 500, windowSeconds: 60 },
    ]);
    await expect.poll(async () => (await fetch(`${platform.gatewayUrl}/shop`)).status).toBe(401);
    const headers = { authorization: `Bearer ${platform.token}` };
    expect((await fetch(`${platform.gatewayUrl}/shop`, { headers })).status).toBe(200);
  });

  it('shows on its overview what runs against the limits, what calls it, and what failed last', async () => {
    const code = "export const handler = async () => { throw new RangeError('the shelf is out of reach'); };\n";
    const body = {
      name: 'ladder',
      files: { 'index.mjs': code },
      memoryMb: 192,
      maxInstances: 3,
      concurrency: 2,
      routes: [{ path: '/ladder/:shelf', methods: ['GET'] }],
      schedules: [{ name: 'yearly', cron: '0 0 1 1 *' }],
      retry: { maxAttempts: 4, maxAgeMs: 7_200_000 },
    };
    expect((await platform.api('POST', '/api/v1/functions', body)).status).toBe(201);
    expect((await fetch(`${platform.gatewayUrl}/ladder/top`)).status).toBe(502);
    await page.goto(`${platform.url}/functions/ladder`);
    const card = (name: string) => page.locator('section', { has: page.getByRole('heading', { name, exact: true }) });
    await card('Instances').getByText('1 of 3').waitFor();
    await card('Instances').getByText('0 of 6').waitFor();
    await card('Instances')
      .getByText(/MiB at most, of 192 MiB$/)
      .waitFor();
    await card('Triggers').getByText('/ladder/:shelf').waitFor();
    await card('Triggers')
      .getByText(/^next in \d+ d$/)
      .waitFor();
    await card('Triggers').getByText('up to 4 attempts within 2 h').waitFor();
    await card('Recent errors')
      .getByText(/the shelf is out of reach/)
      .waitFor();
    for (const [theme, width] of themes) {
      await inTheme(theme, width);
      await isFine();
    }
    await inTheme('light', 1366);
    await card('Recent errors')
      .getByRole('link', { name: /out of reach/ })
      .click();
    await page
      .getByRole('dialog')
      .getByText(/RangeError/)
      .first()
      .waitFor();
    await page.keyboard.press('Escape');
    await page.goto(`${platform.url}/functions/ladder`);
    await card('Triggers').getByRole('link', { name: 'Change them' }).click();
    await page.waitForURL('**/functions/ladder/triggers');
  });

  it('says in words when a schedule runs, also while it is typed, and leaves what has no short words', async () => {
    const schedules = [
      { name: 'weekdays', cron: '0 3 * * 1-5' },
      { name: 'either', cron: '0 0 1 * 1' },
    ];
    expect((await platform.api('PATCH', '/api/v1/functions/shop', { schedules })).status).toBe(200);
    await go('triggers');
    const row = (name: string) => page.getByRole('listitem').filter({ has: page.getByText(name, { exact: true }) });
    await row('weekdays').getByText('At 03:00, Monday to Friday').waitFor();
    await row('weekdays')
      .getByText(/^Next: /)
      .waitFor();
    await row('either')
      .getByText(/^Next: /)
      .waitFor();
    expect(
      await row('either')
        .getByText(/^(At|Every) /)
        .count(),
    ).toBe(0);
    await button('Pause weekdays').click();
    await row('weekdays')
      .getByText(/^Paused; would run 20/)
      .waitFor();
    await button('Change weekdays').click();
    const form = page.getByRole('form', { name: 'Schedule weekdays' });
    await form.getByLabel('Payload').fill('{ "id": 12345678901234567890 }');
    await form.getByLabel('Cron').fill('0 3 * * 1-6x');
    await button('Save schedule').click();
    await form.getByRole('alert').getByText('bad_schedule').waitFor();
    await isFine();
    await form.getByLabel('Cron').fill('0 3 * * 1-6');
    await button('Save schedule').click();
    // It says the words also of what is only typed.
    await form.waitFor({ state: 'detached' });
    await row('weekdays').getByText('At 03:00, Monday to Saturday').waitFor();
    const saved = await (await platform.api('GET', '/api/v1/schedules?function=shop')).json();
    expect(saved).toMatchObject({
      items: [
        { name: 'either', enabled: true },
        { name: 'weekdays', enabled: false, payloadText: '{ "id": 12345678901234567890 }' },
      ],
    });
    await button('Run now: either').click();
    await row('either').getByText('run by hand').waitFor();
    await page.getByLabel('Cron').fill('*/15 9-17 * * *');
    await page.getByText('Every 15 minutes from 09:00 to 17:59').waitFor();
    for (const [theme, width] of themes) {
      await inTheme(theme, width);
      await isFine();
    }
  });

  it('tries what is in the editor while callers get what is deployed, keeps it over a reload, and deploys it', async () => {
    const file = (text: string) =>
      `export const handler = async () => { console.log('${text} ran'); return '${text}'; };`;
    const made = { name: 'bench', files: { 'index.mjs': file('old answer') } };
    expect((await platform.api('POST', '/api/v1/functions', made)).status).toBe(201);
    const answer = async () => (await fetch(`${platform.gatewayUrl}/bench`)).text();
    await inTheme('light', 1366);
    await page.goto(`${platform.url}/functions/bench/code`);
    const editor = page.getByRole('textbox', { name: /Source of index\.mjs/ });
    const write = async (text: string) => {
      await editor.press('ControlOrMeta+a');
      await page.keyboard.insertText(text);
    };
    const shows = (text: string) => page.getByLabel('result').getByText(text).waitFor();
    await editor.waitFor();
    expect(await page.getByLabel('What to call').count()).toBe(0);

    await write(file('new answer'));
    await expect.poll(() => page.getByLabel('What to call').inputValue()).toBe('draft');
    await editor.press('ControlOrMeta+Enter');
    await shows('new answer');
    await page.getByRole('tab', { name: 'Logs (1)' }).click();
    await page.getByText('new answer ran', { exact: true }).waitFor();
    expect(await answer()).toBe('old answer');
    for (const [theme, width] of themes) {
      await inTheme(theme, width);
      await isFine();
    }
    await inTheme('light', 1366);
    await page.getByRole('tab', { name: 'Result' }).click();
    await page.getByLabel('What to call').selectOption('live');
    await button('Run').click();
    await shows('old answer');
    await page.getByLabel('What to call').selectOption('draft');

    await write('export const handler = (');
    await editor.press('ControlOrMeta+Enter');
    await page.getByText('The draft was not built').waitFor();
    await page.getByRole('alert').getByText('build_failed').waitFor();

    await write(file('new answer'));
    await editor.press('ControlOrMeta+s');
    await page.getByText('Kept in this browser', { exact: true }).waitFor();
    const versions = await platform.api('GET', '/api/v1/functions/bench/versions');
    expect(versionPageSchema.parse(await versions.json()).items).toHaveLength(1);
    await page.reload();
    await expect.poll(() => editor.textContent(), patience).toContain('new answer');
    await editor.press('ControlOrMeta+Enter');
    await shows('new answer');
    await page.getByLabel('What changed (optional)').fill('A new answer');
    await page.keyboard.press('Enter');
    await page.getByText('Version 2 is live').waitFor();
    await expect.poll(answer, patience).toBe('new answer');
    await expect.poll(() => page.getByLabel('What to call').count(), patience).toBe(0);

    await page.goto(`${platform.url}/functions/bench/invocations`);
    const drafts = page.getByRole('row').filter({ has: page.getByRole('cell', { name: 'draft', exact: true }) });
    await expect.poll(() => drafts.count(), patience).toBe(2);
  });

  it('marks where a build fails, leads there, says it, and forgets it once it is edited', async () => {
    const index = "import { price } from './lib/price.ts';\nexport const handler = async () => price;\n";
    const files = { 'index.ts': index, 'lib/price.ts': 'export const price: number = 3;\n' };
    expect((await platform.api('POST', '/api/v1/functions', { name: 'till', files })).status).toBe(201);
    await inTheme('light', 1366);
    await page.goto(`${platform.url}/functions/till/code`);
    const source = (path: string) => page.getByRole('textbox', { name: new RegExp(`Source of ${path}`) });
    const line = (name: string) => page.getByRole('treeitem', { name, exact: true });
    const write = async (path: string, text: string) => {
      await source(path).press('ControlOrMeta+a');
      await page.keyboard.insertText(text);
    };
    const errors = page.getByRole('list', { name: 'Errors in the build' });
    const marked = page.locator('.cm-lint-marker-error');
    await source('index.ts').waitFor();
    await line('price.ts').click();
    await write('lib/price.ts', `export const price: number = ; // ${'a long line '.repeat(40)}\nexport { gone };\n`);
    await page.locator('.cm-lint-marker-warning').waitFor();
    await line('index.ts').click();
    await source('index.ts').waitFor();

    // Deployed by its button, so the file with the error comes by itself; the focus stays.
    await button('Deploy new version').click();
    await errors.getByText('Unexpected ";"').waitFor();
    await source('lib/price.ts').waitFor();
    await marked.first().waitFor();
    await line('price.ts has an error').waitFor();
    const said = 'The build found 1 error in lib/price.ts, line 1: Unexpected ";"';
    await page.getByRole('status').getByText(said).waitFor();
    for (const [theme, width] of themes) {
      await inTheme(theme, width);
      await isFine();
      // Code that is scrolled sideways must not be seen through the line numbers.
      const colors = await page.evaluate(`(() => {
        const gutters = document.querySelector('.cm-gutters');
        return [gutters, gutters.closest('.bg-surface')].map((element) => getComputedStyle(element).backgroundColor);
      })()`);
      expect(colors).toEqual([expect.stringMatching(/^rgb\(/), (colors as string[])[0]]);
    }
    await inTheme('light', 1366);
    await page.getByRole('button', { name: 'lib/price.ts:1:30' }).click();
    const focused = () => page.evaluate("document.activeElement.getAttribute('aria-label')");
    await expect.poll(focused, patience).toMatch(/^Source of lib\/price\.ts/);
    await page.keyboard.insertText('4');
    await expect.poll(() => errors.count(), patience).toBe(0);
    await expect.poll(() => marked.count(), patience).toBe(0);

    // A draft says the same; whoever writes stays where they are, until they follow the link.
    await write('lib/price.ts', 'export const price = 4;\n');
    await line('index.ts').click();
    await write('index.ts', `${index}import './lib/gone.ts';\n`);
    await line('price.ts changed').click();
    await source('lib/price.ts').press('ControlOrMeta+Enter');
    await errors.getByText('Could not resolve "./lib/gone.ts"').waitFor();
    await source('lib/price.ts').waitFor();
    await page.getByRole('button', { name: 'index.ts:3:8' }).click();
    await source('index.ts').waitFor();
    await marked.waitFor();
    await write('index.ts', index);
    await expect.poll(() => errors.count(), patience).toBe(0);
    await source('index.ts').press('ControlOrMeta+Enter');
    await page.getByLabel('result').getByText('4', { exact: true }).waitFor();
  });

  it('shows how a deploy is built, cancels it, and keeps what failed', async () => {
    await page.goto(`${platform.url}/functions/till/versions`);
    const logs = page.getByRole('button', { name: /^Log of the build/ });
    await logs.first().click();
    await page.getByRole('log').getByText('Unexpected ";"').waitFor();
    await isFine();
    await page.keyboard.press('Escape');

    registry.gate = new Promise(() => undefined);
    const body = { files: { 'index.mjs': '', 'package.json': '{"dependencies":{"a":"1"}}' } };
    await platform.api('POST', '/api/v1/functions/till/versions?wait=false', body);
    await page.getByText('building', { exact: true }).waitFor();
    await logs.first().click();
    const status = page.getByRole('dialog').getByRole('status');
    await status.getByText('Installing packages').waitFor();
    await isFine();
    await button('Cancel').click();
    await page
      .getByRole('dialog')
      .getByText(/^The build was cancelled/)
      .waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('cancelled', { exact: true }).waitFor();
    registry.gate = Promise.resolve();
  });

  it('shows the first build of a function by its steps, keeps what was typed when it fails, and tries again', async () => {
    await inTheme('light', 1366);
    await page.goto(`${platform.url}/functions/new?template=json-api`);
    await page.getByLabel('Name', { exact: true }).fill('newcomer');
    const source = (path: string) => page.getByRole('textbox', { name: new RegExp(`Source of ${path}`) });
    const write = async (path: string, text: string) => {
      await source(path).press('ControlOrMeta+a');
      await page.keyboard.insertText(text);
    };
    await write('index.ts', 'export const price: number = ;\n');
    await button('Deploy').click();
    await page.getByRole('list', { name: 'Errors in the build' }).getByText('Unexpected ";"').waitFor();
    await page.locator('.cm-lint-marker-error').first().waitFor();
    await button('Try again').waitFor();
    await isFine();

    await write('index.ts', "export const handler = async () => 'open';\n");
    await button('New file').click();
    await page.getByLabel('Path of the new file').fill('package.json');
    await page.keyboard.press('Enter');
    await write('package.json', '{"dependencies":{"a":"1"}}');
    registry.gate = new Promise(() => undefined);
    await button('Deploy').click();
    const steps = page.getByRole('list', { name: 'Steps' });
    await steps.getByText('Install packages').waitFor();
    for (const [theme, width] of themes) {
      await inTheme(theme, width);
      await isFine();
    }
    await button('Cancel').click();
    await page.getByText(/^The build was cancelled/).waitFor();
    await page.getByText('Nothing was created. What you typed is kept.').waitFor();
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('newcomer');
    registry.gate = Promise.resolve();
    await inTheme('light', 1366);
    await write('package.json', '{"private":true}');
    await button('Deploy').click();
    await page.waitForURL('**/functions/newcomer/code**');
    await page.getByText('newcomer is live').waitFor();
  });

  it('moves files between folders by the mouse, and finds each file as it was left', async () => {
    await page.goto(`${platform.url}/functions/till/code`);
    const line = (name: string) => page.getByRole('treeitem', { name, exact: true });
    const source = (path: string) => page.getByRole('textbox', { name: new RegExp(`Source of ${path}`) });
    await source('index.ts').waitFor();
    await source('index.ts').press('ControlOrMeta+Home');
    await page.keyboard.type('// first ');
    await line('price.ts changed').or(line('price.ts')).click();
    await source('lib/price.ts').waitFor();
    await line('index.ts changed').click();
    await source('index.ts').press('ControlOrMeta+z');
    await expect.poll(() => source('index.ts').textContent(), patience).not.toContain('// first');
    await line('index.ts').or(line('index.ts changed')).dragTo(line('lib'));
    await source('lib/index.ts').waitFor();
    await expect.poll(() => page.getByRole('treeitem', { level: 2 }).count(), patience).toBe(2);
    await line('index.ts changed').dragTo(page.getByRole('tree'), { targetPosition: { x: 20, y: 120 } });
    await expect.poll(() => page.getByRole('treeitem', { level: 1 }).count(), patience).toBe(2);
    await button('Discard changes').click();
  });

  it('shows the packages that the code names, also while they are being changed', async () => {
    const manifest = (range: string) => JSON.stringify({ dependencies: { ms: range } });
    const files = {
      'index.mjs': "import ms from 'ms';\nexport const handler = async () => ms;\n",
      'package.json': manifest('^2.1.0'),
      'node_modules/ms/package.json': '{"name":"ms","version":"2.1.3","type":"module","exports":"./index.js"}',
      'node_modules/ms/index.js': 'export default 172800000;',
    };
    expect((await platform.api('POST', '/api/v1/functions', { name: 'packed', files })).status).toBe(201);
    await page.goto(`${platform.url}/functions/packed/code`);
    const table = page.getByRole('region', { name: 'Dependencies' });
    await table.getByRole('row').filter({ hasText: 'ms' }).getByText('^2.1.0').waitFor();
    await page.getByText('node_modules/ came with the code; nothing was installed.').waitFor();
    await isFine();
    await page.getByRole('treeitem', { name: 'package.json', exact: true }).last().click();
    await page.getByRole('textbox', { name: /Source of package\.json/ }).press('ControlOrMeta+a');
    await page.keyboard.insertText(manifest('3.0.0'));
    await table.getByText('3.0.0').waitFor();
    await page.getByText('package.json was changed: the next deploy installs what it names now.').waitFor();
    await button('Discard changes').click();
    await go('code');
    await page.getByText(/^Packages that package\.json names under/).waitFor();
  });

  it('keeps events with the platform, takes over those of the browser, and sends what was typed to the byte', async () => {
    const text = '{ "id": 12345678901234567890, "rate": 1.10 }';
    const events = [
      { name: 'big/order', event: text },
      { name: 'unfinished', event: '{"a":' },
    ];
    const kept = async (path: string) => {
      const answer = await platform.api('GET', `/api/v1/functions/shop/test-events/${path}`);
      return answer.status === 200 ? answer.text() : answer.status;
    };
    const ofBrowser = () => page.evaluate("localStorage.getItem('hearth.events.shop')");
    await page.evaluate(`localStorage.setItem('hearth.events.shop', ${JSON.stringify(JSON.stringify(events))})`);
    await go('code');
    await page.getByText('1 event of this browser is kept by the platform now').waitFor();
    await page.getByText('big/order is called big-order now.').waitFor();
    await page.getByText('unfinished: The event is not valid JSON.').waitFor();
    expect(await kept('private/big-order')).toBe(text);
    await expect.poll(async () => JSON.parse(String(await ofBrowser())), patience).toEqual([events[1]]);
    for (const [theme, width] of themes) {
      await inTheme(theme, width);
      await isFine();
    }
    await inTheme('light', 1366);

    const saved = page.getByLabel('Saved events');
    await saved.selectOption('unfinished · only in this browser');
    await button('Delete the saved event unfinished').click();
    await expect.poll(ofBrowser, patience).toBeNull();
    await saved.selectOption('big-order');
    const editor = page.getByRole('textbox', { name: /Event as JSON/ });
    await expect.poll(() => editor.textContent()).toBe(text);
    const isCall = (path: string) => path.endsWith('/shop/invocations');
    const sent = page.waitForRequest((request) => isCall(new URL(request.url()).pathname));
    await button('Run').click();
    expect((await sent).postData()).toBe(text);

    await button('Save this event').click();
    await page.getByLabel('Who sees it').selectOption('Shared with the project');
    await page.getByLabel('Name of the event').fill('big order');
    await isFine();
    await page.keyboard.press('Enter');
    await page.getByText('Everybody in the project can choose it.').waitFor();
    expect(await kept('shared/big%20order')).toBe(text);
    await editor.press('ControlOrMeta+a');
    await page.keyboard.insertText('[1.0]');
    await button('Save this event').click();
    await page.getByText(/^Takes the place of the shared event of this name/).waitFor();
    await button('Overwrite').click();
    await expect.poll(() => kept('shared/big%20order')).toBe('[1.0]');
    await button('Delete the shared event big order').click();
    await button('Delete for everybody').click();
    await expect.poll(() => kept('shared/big%20order')).toBe(404);
    await expect.poll(() => saved.locator('option').count()).toBe(2);

    await page.getByLabel('Event templates').selectOption('HTTP GET with a query');
    await page.getByText(/^What a handler gets for such a request to the gateway/).waitFor();
    await expect.poll(() => editor.textContent()).toContain('"rawPath": "/shop"');
    await inTheme('dark', 390);
    await isFine();
    await inTheme('light', 1366);
  });

  it('has a form for the event of a version that says what it is, in step with the text', async () => {
    const inputSchema = {
      type: 'object',
      required: ['id', 'place'],
      properties: {
        id: { type: 'integer', minimum: 1, title: 'Order', description: 'Of the shop' },
        state: { type: 'string', enum: ['open', 'paid'], default: 'open' },
        code: { type: 'string', pattern: '^[A-Z]+$' },
        due: { type: 'string', format: 'date' },
        at: { type: 'string', format: 'date-time' },
        gift: { type: 'boolean' },
        place: { type: 'object', title: 'Place', properties: { city: { type: 'string' }, zip: { type: 'string' } } },
        tags: { type: 'array', maxItems: 1, items: { type: 'string', title: 'Tag' } },
        lines: {
          type: 'array',
          items: {
            type: 'object',
            title: 'Line',
            required: ['sku'],
            properties: { sku: { type: 'string' }, count: { type: 'number' } },
          },
        },
      },
    };
    const files = { 'index.mjs': 'export const handler = async (event) => Object.keys(event);' };
    expect((await platform.api('POST', '/api/v1/functions', { name: 'orders', files })).status).toBe(201);
    await page.goto(`${platform.url}/functions/orders/settings`);
    const settings = page.getByLabel('Schema of the event');
    await settings.fill('{"type": "object", "oneOf": []}');
    await page.getByText(/^oneOf is not supported for type "object"/).waitFor();
    await isFine();
    await settings.fill(JSON.stringify(inputSchema));
    await button('Save as new version').click();
    await page.getByText('Version 2 is live').waitFor();

    await page.goto(`${platform.url}/functions/orders/code`);
    const form = page.getByRole('tabpanel', { name: 'Form' });
    const status = form.getByRole('status');
    const field = (name: string) => form.getByLabel(name, { exact: true });
    await status.getByText('One place does not fit the schema.').waitFor();
    await expect.poll(() => field('state').inputValue(), patience).toBe('"open"');
    await field('Order (required)').fill('12345678901234567890');
    await status.getByText('The event fits the schema.').waitFor();
    await field('Order (required)').fill('-');
    await form.getByText(/^Not a number such as 12/).waitFor();
    await field('Order (required)').press('ControlOrMeta+Enter');
    expect(await page.getByRole('tab', { name: 'Result' }).count()).toBe(0);
    await field('Order (required)').fill('12345678901234567890');
    await field('code').fill('a');
    await form.getByText('Does not match ^[A-Z]+$').waitFor();
    await expect.poll(() => field('code').getAttribute('aria-invalid'), patience).toBe('true');
    await field('due').fill('2026-12-24');
    await form.getByRole('button', { name: 'Now: at' }).click();
    await field('gift').selectOption('true');
    await field('city').fill('Tromsø "N"');
    const added = form.locator('input:focus');
    await form.getByRole('button', { name: 'Add Tag 1' }).press('Enter');
    await added.pressSequentially('new');
    await form.getByRole('button', { name: 'Add Line 1' }).press('Enter');
    await added.pressSequentially('A-1');
    await field('count').fill('1.50');
    for (const [theme, width] of themes) {
      await inTheme(theme, width);
      await isFine();
    }
    await inTheme('light', 1366);

    await page.getByRole('tab', { name: 'Text' }).click();
    const editor = page.getByRole('textbox', { name: /Event as JSON/ });
    const event = {
      ...{ state: 'open', place: { city: 'Tromsø "N"' }, id: 0, code: 'a', due: '2026-12-24', at: 'now', gift: true },
      ...{ tags: ['new'], lines: [{ sku: 'A-1', count: 0 }] },
    };
    const written = JSON.stringify(event, null, 2).replace('"id": 0', '"id": 12345678901234567890');
    const sent = page.waitForRequest((request) => request.url().includes('/orders/invocations'));
    await editor.press('ControlOrMeta+Enter');
    const body = ((await sent).postData() ?? '').replace(/"at": "[^"]+Z"/, '"at": "now"');
    expect(body).toBe(written.replace('"count": 0', '"count": 1.50'));
    await page.getByLabel('result').getByText('"lines"').waitFor();

    await editor.press('ControlOrMeta+a');
    await page.keyboard.insertText('{"id": 7, "place": {"city": "Bergen"}, "extra": [1]}');
    await page.getByRole('tab', { name: 'Form' }).click();
    await expect.poll(() => field('city').inputValue(), patience).toBe('Bergen');
    await form.getByText('Only in the text: extra').waitFor();
    await form.getByRole('button', { name: 'Remove Place' }).click();
    await status.getByText('One place does not fit the schema.').waitFor();
    await expect.poll(() => page.evaluate('document.activeElement.textContent'), patience).toBe('Add Place');
    await page.getByRole('tab', { name: 'Text' }).click();
    await expect.poll(() => editor.textContent()).toBe('{"id": 7, "extra": [1]}');

    await page.goto(`${platform.url}/functions/orders/versions`);
    await button('Compare').click();
    const changes = page.getByRole('dialog').getByRole('definition');
    await changes.filter({ hasText: 'not set → "^[A-Z]+$"' }).waitFor();
  });
});
