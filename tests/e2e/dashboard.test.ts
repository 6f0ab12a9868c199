import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { versionFilesSchema } from '../../shared/api/functions.ts';
import { systemSchema } from '../../shared/api/system.ts';
import { eventually, type Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import {
  accessibilityFaults,
  type DashboardView,
  goTo,
  openDashboard,
  overflowPx,
  patienceMs,
  pressUntilSeen,
  startWithBrowser,
  whyNoChromium,
  zoomInto,
} from './support/browser.ts';

/** How long a state that comes by itself may take on a busy machine. */
const patience = { timeout: patienceMs };

/** In a page: keeps what a person does, by mouse or keyboard, in `hands`, until the page is loaded again. */
const noteHands = `globalThis.hands = [];
  for (const type of ['pointerdown', 'keydown', 'beforeinput', 'wheel'])
    addEventListener(type, (event) => event.isTrusted && hands.push(type), true)`;

/** The dashboard as people use it: a real Chromium, a real platform, real functions. */

describe.skipIf(whyNoChromium !== undefined)(`dashboard${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    await open({});
  });

  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  afterEach(() => {
    expect(complaints.splice(0)).toEqual([]);
  });

  /** A fresh browser profile; signed in unless said otherwise. */
  async function open(view: DashboardView): Promise<void> {
    await page?.context().close();
    ({ page, complaints } = await openDashboard(browser, platform, view));
  }

  const go = async (path: string) => {
    await goTo(page, platform.url + path);
  };
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const seen = (text: string | RegExp) => page.getByText(text).first().waitFor();
  const deploy = async (template: string, name: string) => {
    await go(`/functions/new?template=${template}`);
    await page.getByLabel('Name', { exact: true }).fill(name);
    await button('Deploy').click();
    await page.waitForURL(`**/functions/${name}/code**`);
  };
  const runTest = async () => {
    await button('Run').click();
    await page.getByRole('tab', { name: 'Result' }).waitFor();
  };

  it('signs in with the link of the first start, and takes the token out of the address', async () => {
    await page.waitForURL((url) => !url.href.includes('token'));
    expect(page.url()).toBe(`${platform.url}/`);
    await page.reload();
    await seen('Deploy your first function');
    await button('Sign out').click();
    await seen('Sign in to Hearth');
  });

  it('says what is wrong with a token, and where to find a right one', async () => {
    await open({ isSignedIn: false });
    await page.getByLabel('Access token').fill('wrong');
    await button('Sign in').click();
    await seen('This token is not valid.');
    await seen('data/admin-token');
    await page.getByLabel('Access token').fill(platform.token);
    await page.keyboard.press('Enter');
    await seen('Deploy your first function');
  });

  it('leads from the empty page to the first 200 in three clicks and no key', async () => {
    await open({});
    await page.evaluate(noteHands);
    await page.getByRole('link', { name: /HTTP JSON API/ }).click();
    await button('Deploy').click();
    await page.waitForURL('**/functions/hello-api/code**');
    const answer = page.waitForResponse((response) => response.url().includes('/hello-api/invocations'));
    await button('Run').click();
    expect((await answer).status()).toBe(200);
    await seen('"statusCode": 200');
    await page.getByText('Hello, Ada!').first().waitFor();
    expect(await page.evaluate('hands')).toEqual(['pointerdown', 'pointerdown', 'pointerdown']);
    expect((await fetch(`${platform.gatewayUrl}/hello-api?name=Ada`)).status).toBe(200);
    expect((await platform.api('DELETE', '/api/v1/functions/hello-api')).status).toBe(204);
  });

  it('shows the lines that a test wrote, and where its time went', async () => {
    await deploy('json-api', 'hello');
    await runTest();
    await page.getByRole('tab', { name: /^Logs \([1-9]/ }).click();
    await seen('greeting Ada');
    await page.getByRole('img', { name: /^Timing: .*Handler/ }).waitFor();
  });

  it('ticks first steps off until they are hidden', async () => {
    await go('/');
    await seen('2 of 4');
    await page.getByRole('link', { name: 'Let it run on a schedule' }).click();
    await page.waitForURL('**/functions/hello/triggers**');
    await go('/');
    await button('Hide the first steps').click();
    await page.reload();
    await seen('Slowest functions');
    expect(await page.getByText('First steps').count()).toBe(0);

    const memory = JSON.stringify({ isDismissed: false, done: ['deploy', 'call', 'change', 'schedule'] });
    await page.evaluate(`localStorage.setItem('hearth.checklist', ${JSON.stringify(memory)})`);
    await page.reload();
    await seen('0 of 4');
    await seen('hearth backup');
    expect((await platform.api('GET', '/api/v1/whoami', undefined, { 'hearth-client': 'cli' })).status).toBe(200);
    await expect
      .poll(async () => (await platform.api('GET', '/api/v1/next-steps')).text(), patience)
      .toMatch(/"cli","doneAt":"/);
    await page.reload();
    await seen('1 of 4');
    await button('Hide the next steps').click();
    await page.reload();
    await seen('Slowest functions');
    expect(await page.getByText('Next steps').count()).toBe(0);
  });

  it('keeps what was edited over a reload, until it is deployed or discarded', async () => {
    const editor = page.getByRole('textbox', { name: /Source of index\.ts/ });
    const edit = async (text: string) => {
      await editor.press('ControlOrMeta+a');
      await page.keyboard.insertText(text);
    };
    await go('/functions/hello/code');
    const deployed = await (await platform.api('GET', '/api/v1/functions/hello/versions/1')).json();
    await editor.waitFor();
    await edit('export const handler = () => "mine";');
    await seen('changes are kept in this browser');
    await page.reload();
    await expect.poll(() => editor.textContent(), patience).toContain('"mine"');
    await button('Discard changes').click();
    await page.reload();
    await expect.poll(() => editor.textContent(), patience).toContain('greeting');
    await expect.poll(() => page.getByText('changes are kept').count()).toBe(0);

    await edit('export const handler = () => "mine again";');
    await seen('changes are kept in this browser');
    const { config } = deployed as { config: object };
    const files = { 'index.ts': 'export const handler = () => "theirs";' };
    const other = await platform.api('POST', '/api/v1/functions/hello/versions', { ...config, files });
    expect(other.status, await other.text()).toBe(201);
    await page.reload();
    await seen('Your changes of version 1 are not deployed; version 2 came in between');
    await expect.poll(() => editor.textContent(), patience).toContain('"theirs"');
    await button('Open my changes').click();
    await expect.poll(() => editor.textContent(), patience).toContain('"mine again"');
    await button('Discard changes').click();
    await expect.poll(() => editor.textContent(), patience).toContain('"theirs"');
    const back = await platform.api('DELETE', '/api/v1/functions/hello');
    expect(back.status).toBe(204);
    await deploy('json-api', 'hello');
  });

  it('shows files in their folders, and opens, adds, renames and deletes them by keyboard', async () => {
    const files = { 'index.mjs': 'export const handler = () => 1;\n', 'lib/prices.json': '{}\n', 'lib/deep/x.mjs': '' };
    const created = await platform.api('POST', '/api/v1/functions', { name: 'foldered', files });
    expect(created.status, await created.text()).toBe(201);
    await go('/functions/foldered/code');
    const line = (name: string) => page.getByRole('treeitem', { name, exact: true });
    const focused = () => page.locator('[role=treeitem]:focus').textContent();
    const lines = () => page.getByRole('treeitem').allTextContents();
    await page.getByRole('textbox', { name: /Source of index\.mjs/ }).waitFor();
    await expect.poll(lines).toEqual(['lib', 'deep', 'x.mjs', 'prices.json', 'index.mjs']);
    expect(await accessibilityFaults(page)).toEqual([]);

    await line('index.mjs').focus();
    await page.keyboard.press('Home');
    await expect.poll(focused, patience).toBe('lib');
    await page.keyboard.press('ArrowLeft');
    await expect.poll(lines, patience).toEqual(['lib', 'index.mjs']);
    await expect.poll(() => line('lib').getAttribute('aria-expanded')).toBe('false');
    await page.keyboard.press('*');
    await page.keyboard.press('p');
    await expect.poll(focused, patience).toBe('prices.json');
    await page.keyboard.press('Enter');
    const prices = page.getByRole('textbox', { name: /Source of lib\/prices\.json/ });
    await prices.press('ControlOrMeta+a');
    await page.keyboard.insertText('{"apple": 3}');
    await line('prices.json changed').waitFor();

    await button('New file').click();
    await page.getByLabel('Path of the new file').fill('lib/deep');
    await page.keyboard.press('Enter');
    await seen('There is a folder of this name already');
    await page.getByLabel('Path of the new file').fill('src/new.mjs');
    await page.keyboard.press('Enter');
    await expect.poll(focused, patience).toBe('new.mjs');
    await line('lib').focus();
    await page.keyboard.press('F2');
    await page.getByLabel('New path of lib').fill('shelf');
    await page.keyboard.press('Enter');
    await expect.poll(focused, patience).toBe('shelf');
    await line('deep').focus();
    await page.keyboard.press('Delete');
    await seen('shelf/deep deleted');
    await expect.poll(() => line('deep').count()).toBe(0);
    await button('Undo').click();
    await line('deep').waitFor();
    await line('src').focus();
    await page.keyboard.press('Delete');
    await page.setViewportSize({ width: 390, height: 768 });
    expect(await overflowPx(page)).toBeLessThanOrEqual(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.setViewportSize({ width: 1366, height: 768 });

    await button('Deploy new version').click();
    await seen('Version 2 is live');
    const answer = await platform.api('GET', '/api/v1/functions/foldered/versions/2/files');
    const deployed = versionFilesSchema.parse(await answer.json()).files.map(({ path, text }) => [path, text]);
    const { 'index.mjs': index } = files;
    expect(Object.fromEntries(deployed)).toEqual({
      'index.mjs': index,
      'shelf/prices.json': '{"apple": 3}',
      'shelf/deep/x.mjs': '',
    });
    // Else the page would ask for what is not there.
    await go('/functions');
    expect((await platform.api('DELETE', '/api/v1/functions/foldered')).status).toBe(204);
  });

  it('keeps events to test with again, and what was tested', async () => {
    await go('/functions/hello/code');
    const editor = page.getByRole('textbox', { name: /Event as JSON/ });
    const write = async (text: string) => {
      await editor.press('ControlOrMeta+a');
      await page.keyboard.insertText(text);
    };
    await write('{"queryStringParameters":{"name":"Grace"}}');
    await button('Save this event').click();
    await page.getByLabel('Name of the event').fill('for Grace');
    await page.keyboard.press('Enter');
    await seen('Only you can see it.');
    await write('{"queryStringParameters":{"name":"Other"}}');
    await runTest();
    await seen('Hello, Other!');
    await page.reload();
    await page.getByLabel('Saved events').selectOption('for Grace');
    await runTest();
    await seen('Hello, Grace!');
    await page.getByText('Earlier tests (1)').click();
    await button('Use again').waitFor();
    await button('Delete the saved event for Grace').click();
    await expect.poll(() => page.getByLabel('Saved events').locator('option').count(), patience).toBe(1);
  });

  it('deploys an edit with the keyboard, compares, and rolls back with one click', async () => {
    const answer = async () => (await fetch(`${platform.gatewayUrl}/hello?name=Bo`)).text();
    await go('/functions/hello/code');
    const editor = page.getByRole('textbox', { name: /Source of index\.ts/ });
    await editor.waitFor();
    await editor.press('ControlOrMeta+a');
    await page.keyboard.insertText("export const handler = async () => ({ statusCode: 200, body: 'second edition' });");
    await seen('This calls what is in the editor.');
    await page.getByLabel('What changed (optional)').fill('Second edition');
    await page.keyboard.press('Enter');
    await seen('Version 2 is live');
    await expect.poll(answer, patience).toBe('second edition');

    await page.getByRole('link', { name: 'Versions' }).click();
    await seen('Second edition');
    await button('Compare').click();
    await page
      .getByRole('dialog')
      .getByText(/body: 'second edition'/)
      .waitFor();
    await page.keyboard.press('Escape');
    await button('Roll back').click();
    await button('Roll back to v1').click();
    await seen('Traffic moved');
    await expect.poll(answer, patience).toContain('Hello, Bo!');
  });

  it('shows the words of a build that fails, beside the code', async () => {
    await go('/functions/new?template=json-api');
    await page.getByLabel('Name', { exact: true }).fill('broken');
    const editor = page.getByRole('textbox', { name: /Source of index\.ts/ });
    await editor.press('ControlOrMeta+a');
    await page.keyboard.insertText('export const handler = async ( => {');
    await button('Deploy').click();
    await page.getByRole('alert').getByText('build_failed').waitFor();
    expect(page.url()).toContain('/functions/new');
  });

  it('shows what a failing function threw', async () => {
    await deploy('fetch-app', 'thrower');
    await deployCode(
      'thrower',
      'index.mjs',
      "export const handler = async () => { throw new RangeError('too far'); };",
    );
    await go('/functions/thrower/code');
    await button('Run').click();
    await page.getByRole('tab', { name: 'Error' }).waitFor();
    await seen('RangeError: too far');
    await page.getByText('Function error').first().waitFor();
  });

  async function deployCode(name: string, file: string, text: string): Promise<void> {
    const body = { files: { [file]: text }, handler: 'index.handler', runtime: 'nodejs' };
    const response = await platform.api('POST', `/api/v1/functions/${name}/versions`, body);
    expect(response.status, await response.clone().text()).toBe(201);
  }

  it('queues a call, follows its retries, and finds it in the list', async () => {
    await deploy('async-worker', 'orders');
    await page.getByLabel('How to call').selectOption('async');
    await button('Run').click();
    await page.getByRole('tab', { name: 'Result' }).waitFor();
    await seen('attempt 3');
    await seen('"state": "shipped"');
    await go('/functions/orders/invocations?status=success');
    await page.getByRole('cell', { name: 'async' }).waitFor();
    await page.getByRole('row').nth(1).click();
    await page
      .getByRole('dialog')
      .getByText('"order": 1042')
      .or(page.getByRole('tab', { name: 'Event' }))
      .first()
      .waitFor();
  });

  it('tails logs as they are written, filtered by level and text', async () => {
    await go('/functions/hello/logs');
    await seen('Live');
    await fetch(`${platform.gatewayUrl}/hello?name=Tail`);
    await page
      .getByRole('region', { name: 'Log lines' })
      .or(page.getByRole('log'))
      .getByText('greeting Tail')
      .waitFor();
    await page.getByLabel('Filter', { exact: true }).fill('nothing-has-this-text');
    await seen('No line matches so far');
    await page.getByLabel('Filter', { exact: true }).fill('level:info "greeting tail" -bo');
    await seen('greeting Tail');
    await page.getByLabel('Filter', { exact: true }).fill('level:loud');
    await seen('level: takes debug, info, warn, error');
    await page.getByLabel('Filter', { exact: true }).fill('fn:hello status:2xx tail');
    await seen('Stored lines');
    await seen('greeting Tail');
  });

  it('shows the lines of all functions, a click from the call that wrote them', async () => {
    await go('/logs?filter=fn%3Ahello%20tail');
    await page.getByText('greeting Tail').click();
    await page.getByRole('dialog').getByText('Invocation').first().waitFor();
    await page.getByRole('dialog').getByRole('tab', { name: /^Logs/ }).waitFor();
  });

  it('gathers failures of one kind, with the stack in the lines of the source', async () => {
    await deployCode(
      'thrower',
      'index.ts',
      'interface Far { far: number }\n\nfunction deep({ far }: Far): never {\n  throw new RangeError(`${far} is too far`);\n}\nexport const handler = async () => deep({ far: Math.round(Math.random() * 1e6) });',
    );
    for (let index = 0; index < 3; index++) await fetch(`${platform.gatewayUrl}/thrower`);
    await go('/errors');
    await page.getByRole('button', { name: /^RangeError: \d+ is too far/ }).click();
    const panel = page.getByRole('dialog');
    await panel.getByText(/at deep \(index\.ts:4:9\)/).waitFor();
    await panel.getByText('deep (index.ts)').first().waitFor();
    await button('Resolve').click();
    await seen('Resolved; the next such failure opens it again');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('button', { name: /is too far/ }).count(), patience).toBe(0);
    await fetch(`${platform.gatewayUrl}/thrower`);
    await go('/functions/thrower/errors');
    await page.getByRole('button', { name: /is too far/ }).waitFor();
  });

  it('replays what is selected, and says what could not be', async () => {
    await go('/functions/orders/invocations');
    await page.getByRole('checkbox').first().check();
    await button('Replay 1').click();
    await seen('1 replay queued');
    await page.getByRole('cell', { name: 'replay' }).first().waitFor();
    await go('/functions/hello/invocations?trigger=http');
    await page.getByRole('checkbox').first().check();
    await button('Replay 1').click();
    await seen('1 of 1 not replayed');
  });

  it('runs Python, and shows the next ticks of a schedule', async () => {
    await deploy('python-handler', 'words');
    await runTest();
    await seen('"words": 6');
    await deploy('cron', 'sweeper');
    await go('/functions/sweeper/triggers');
    await seen('*/5 * * * *');
    await seen(/Next: 20\d\d-/);
    await go('/schedules');
    await page.getByRole('link', { name: /sweeper every-five-minutes/ }).waitFor();
    await seen(/^in \d/);
  });

  it('shows the traffic live, in charts and as tables', async () => {
    await go('/?range=15m');
    for (let index = 0; index < 20; index++) await fetch(`${platform.gatewayUrl}/hello?name=${index}`);
    await page.getByRole('img', { name: /^Chart: Requests/ }).waitFor();
    await seen(/(function is|functions are) failing|All good/);
    await button('View Requests as table').click();
    await page.getByRole('region', { name: 'Requests as a table' }).getByRole('cell').first().waitFor();
    await seen('Live');
    await page.getByRole('button', { name: /Pause$/ }).click();
    await seen('Paused');
    const saved = page.waitForEvent('download');
    await button('Save Requests as CSV').click();
    expect((await saved).suggestedFilename()).toBe('requests.csv');
  });

  it('says how a function is scaled and why, and how many cold starts that avoided', async () => {
    await fetch(`${platform.gatewayUrl}/hello`);
    await go('/functions/hello');
    const answer = (title: string) => page.locator('dt', { hasText: title });
    // Which of its modes it is in depends on how many calls came just now.
    await seen(/[1-9]\d* running, \d+ wanted/);
    await expect.poll(() => answer('Idle instances are kept for').textContent(), patience).toMatch(/\d/);
    await expect.poll(() => answer('Cold starts avoided').textContent(), patience).toMatch(/\d/);
  });

  it('zooms into what is dragged across a chart, and marks deployments', async () => {
    await go('/?range=1h');
    await seen('the flags in the charts');
    await page.getByRole('link', { name: /^thrower v2/ }).waitFor();
    const chart = page.getByRole('img', { name: /^Chart: Latency/ });
    await zoomInto(page, chart, [0.4, 0.8]);
    await button('Back to the last hour').click();
    await page.waitForURL((url) => !/range=\d{13}/.test(url.href));
    await button('Choose two times').click();
    await page.getByRole('dialog').getByLabel('From').fill('2026-01-31T10:00:00');
    await page.getByRole('dialog').getByLabel('To', { exact: true }).fill('2026-01-31T11:00:00');
    await button('Show').click();
    await page.waitForURL(/range=\d{13}-\d{13}/);
    await seen('No requests in this range');
  });

  it('shows the secret of a token once, and revokes it', async () => {
    await go('/tokens');
    await button('New token').click();
    await page.getByRole('dialog').getByLabel('Name').fill('pipeline');
    await button('Create').click();
    await seen('shown only this once');
    const secret = (await page.getByRole('region', { name: 'secret' }).innerText()).trim();
    const call = () => fetch(`${platform.url}/api/v1/whoami`, { headers: { authorization: `Bearer ${secret}` } });
    expect((await call()).status).toBe(200);
    await button('I have copied it').click();
    await button('Revoke pipeline').click();
    await button('Revoke').click();
    await expect.poll(async () => (await call()).status, patience).toBe(401);
  });

  it('says how every isolation level is on this machine, and what images containers start from', async () => {
    // What a busy host was too slow for at the start is tried out again, and then it is another.
    await eventually(async () => {
      const system = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
      await go('/system');
      const shown = { timeout: 5000 };
      for (const driver of system.drivers) {
        const entry = page
          .getByRole('listitem')
          .filter({ has: page.getByText(driver.name, { exact: true }) })
          .first();
        await entry.getByText(driver.status).waitFor(shown);
        for (const text of [driver.version, driver.reason, driver.fix]) {
          if (text !== null) await entry.getByText(text).first().waitFor(shown);
        }
      }
      for (const image of system.images ?? []) {
        const row = page.getByRole('row').filter({ hasText: image.reference });
        await row.getByText(image.digest.replace('sha256:', '').slice(0, 12), { exact: true }).waitFor(shown);
      }
    });
  });

  it('says beside the choice what each isolation level costs, as this machine has seen it or as documented', async () => {
    const { drivers } = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
    const seen = drivers.find(({ name }) => name === 'process')?.measured;
    expect(seen?.warmCalls).toBeGreaterThan(0);
    expect(seen?.waiting?.count ?? seen?.booted?.count).toBeGreaterThan(0);
    await go('/functions/hello/settings');
    await page.getByText('What each level costs').click();
    const level = (name: string) => page.getByRole('listitem').filter({ hasText: new RegExp(`^${name}`) });
    await level('process')
      .getByText(/^Warm call.* · here, the quickest of \d+ calls?$/)
      .waitFor();
    await level('docker').getByText('213 ms*').waitFor();
    await level('docker')
      .getByText(/documented on \d{4}-\d\d-\d\d/)
      .waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
  });

  it('finds its way by the command palette', async () => {
    await go('/system');
    await seen('strict');
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: /Search/ }).fill('words');
    await page.getByRole('option', { name: /^words/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL('**/functions/words**');
  });

  it('goes about by single keys, which can be switched off', async () => {
    await go('/functions');
    await page.getByRole('cell').first().waitFor();
    const nextRow = async () => {
      await page.keyboard.press('j');
      return await page.evaluate('document.activeElement.closest("tr") !== null');
    };
    await expect.poll(nextRow, patience).toBe(true);
    await page.keyboard.press('g');
    await page.keyboard.press('e');
    await page.waitForURL('**/errors**');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).getByLabel('Single keys do something').uncheck();
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await page.keyboard.press('f');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).getByLabel('Single keys do something').check();
    expect(page.url()).toContain('/errors');
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await page.keyboard.press('o');
    await page.getByRole('button', { name: /Pause$/ }).waitFor();
    await page.keyboard.press('l');
    await seen('Paused');
    await pressUntilSeen(page, 't', page.getByRole('dialog', { name: 'Choose two times' }));
  });

  it('goes from an empty form to a rollback by keyboard alone', async () => {
    const answer = async () => (await fetch(`${platform.gatewayUrl}/by-keyboard`)).text();
    /** Tab until the control has the focus, as a person without a mouse does. */
    const reach = async (name: string | RegExp, role: 'button' | 'link' | 'textbox' = 'button') => {
      const control = page.getByRole(role, { name, exact: typeof name === 'string' }).first();
      await control.waitFor();
      for (let presses = 0; presses < 150; presses++) {
        if ((await control.and(page.locator(':focus')).count()) > 0) return;
        // In the editor Tab indents; its label says that Escape lets the next one through.
        if ((await page.locator('.cm-content:focus').count()) > 0) await page.keyboard.press('Escape');
        await page.keyboard.press('Tab');
      }
      throw new Error(`Tab does not reach ${name}`);
    };
    const open = async (name: string | RegExp, role: 'button' | 'link' = 'link') => {
      await reach(name, role);
      await page.keyboard.press('Enter');
    };
    await go('/');
    await page.evaluate(noteHands);
    await seen('Live');
    // The list of keys is loaded a moment after the page.
    const toFunctions = async () => {
      await page.keyboard.press('g');
      await page.keyboard.press('f');
      return page.url();
    };
    await expect.poll(toFunctions, patience).toContain('/functions');
    await open('New function');
    await reach('Name', 'textbox');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('by-keyboard');
    await open('Deploy', 'button');
    await page.waitForURL('**/functions/by-keyboard/code**');
    await reach(/Source of index\.ts/, 'textbox');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText(
      "export const handler = async () => { console.log('typed'); return { statusCode: 200, body: 'by hand' }; };",
    );
    await page.keyboard.press('ControlOrMeta+Enter');
    await page.getByRole('tab', { name: 'Result' }).waitFor();
    await open('Deploy new version', 'button');
    await seen('Version 2 is live');
    await expect.poll(answer, patience).toBe('by hand');
    await page.keyboard.press('Control+k');
    await page.locator('[role=combobox]:focus').waitFor();
    await page.keyboard.type('logs of by-keyboard');
    await page.getByRole('option', { name: /Logs of by-keyboard/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL('**/functions/by-keyboard/logs**');
    await seen('typed');
    await open('Versions');
    await page.waitForURL('**/functions/by-keyboard/versions**');
    await open('Roll back', 'button');
    await open('Roll back to v1', 'button');
    await seen('Traffic moved');
    await expect.poll(answer, patience).toContain('Hello');
    expect(new Set((await page.evaluate('hands')) as string[])).toEqual(new Set(['keydown', 'beforeinput']));
  });

  it('deletes a function only when its name is typed', async () => {
    await go('/functions/words/settings');
    await button('Delete this function').click();
    const confirm = page.getByRole('dialog').getByRole('button', { name: 'Delete for good' });
    await expect.poll(() => confirm.getAttribute('aria-disabled')).toBe('true');
    await page.getByLabel('Type words to confirm').fill('words');
    await confirm.click();
    await seen('words was deleted');
    expect((await platform.api('GET', '/api/v1/functions/words')).status).toBe(404);
  });

  it('is accessible with its dialogs and menus open', async () => {
    const check = async (what: string) => {
      await page.getByRole('dialog').waitFor();
      // What fades in has less contrast on its way.
      const stillMoving =
        'document.getAnimations().filter((item) => item.playState === "running" && item.effect.getTiming().iterations === 1).length';
      await expect.poll(() => page.evaluate(stillMoving), patience).toBe(0);
      expect(await accessibilityFaults(page), what).toEqual([]);
      await page.keyboard.press('Escape');
    };
    await open({ theme: 'dark' });
    await page.keyboard.press('Control+k');
    await page.getByRole('option').first().waitFor();
    await check('palette');
    await go('/functions/hello/versions');
    await button('Compare').click();
    await page.getByRole('dialog').getByText('index.ts').waitFor();
    await check('comparison');
    await button('Split').click();
    await check('traffic');
    await go('/invocations');
    await page.getByRole('cell').nth(1).getByRole('button').click();
    await page
      .getByRole('dialog')
      .getByRole('tab', { name: 'Result' })
      .or(page.getByRole('tab', { name: 'Error' }))
      .waitFor();
    await check('invocation');
    await go('/errors');
    await page.getByRole('button', { name: /is too far/ }).click();
    await page
      .getByRole('dialog')
      .getByText(/at deep/)
      .waitFor();
    await check('error');
    await pressUntilSeen(page, '?', page.getByRole('dialog', { name: 'Keyboard' }));
    await check('keyboard');
    await go('/');
    await button('Choose two times').click();
    await check('times');
    await go('/tokens');
    await button('New token').click();
    await check('token');
    await open({ width: 390 });
    await button('Menu').click();
    await check('menu');
  });

  it('names buttons without words when they are pointed at or have the focus', async () => {
    await open({});
    const tooltip = page.getByRole('tooltip');
    await button('Sign out').hover();
    await expect.poll(() => tooltip.textContent(), patience).toBe('Sign out');
    await page.keyboard.press('Escape');
    await expect.poll(() => tooltip.count(), patience).toBe(0);
    await page.mouse.move(700, 10);
    await button('Choose two times').focus();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Tab');
    await expect.poll(() => tooltip.textContent(), patience).toBe('Choose two times');
    await page.keyboard.press('Tab');
    await expect.poll(() => tooltip.count(), patience).toBe(0);
  });
});
