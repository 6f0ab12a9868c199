import type { Browser, Page, Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { accessibilityFaults, goTo, patienceMs, startWithBrowser, whyNoChromium } from './support/browser.ts';

/** How long a state that comes by itself may take on a busy machine. */
const patience = { timeout: patienceMs };

const isStream = (request: Request) =>
  /\/api\/v1\/(events|metrics\/stream|logs|functions\/[^/]+\/logs)\?/.test(request.url());

/** What the browser has open, by its own account. */
class OpenStreams {
  readonly #open = new Set<Request>();
  /** Ever opened. */
  count = 0;

  constructor(page: Page) {
    page.on('request', (request) => {
      if (!isStream(request) || !/events\?|stream\?|follow=1/.test(request.url())) return;
      this.#open.add(request);
      this.count++;
    });
    page.on('requestfinished', (request) => this.#open.delete(request));
    page.on('requestfailed', (request) => this.#open.delete(request));
  }

  get paths(): readonly string[] {
    return [...this.#open].map((request) => new URL(request.url()).pathname);
  }
}

describe.skipIf(whyNoChromium !== undefined)(`live events in the browser${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let streams: OpenStreams;

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    const made = await platform.api('POST', '/api/v1/functions', {
      name: 'teller',
      files: { 'index.mjs': 'export const handler = ({ text }) => { console.log(text); return text; };' },
    });
    expect(made.status, await made.text()).toBe(201);
    page = await browser.newPage();
    page.setDefaultTimeout(patienceMs);
    streams = new OpenStreams(page);
    await goTo(page, `${platform.url}/#token=${platform.token}`);
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  const say = async (text: string) => {
    const answer = await platform.api('POST', '/api/v1/functions/teller/invocations', { text });
    expect(answer.status, await answer.text()).toBe(200);
  };
  const follow = async (name: string) => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1 }).waitFor();
  };
  const see = (text: string) => page.getByText(text, { exact: true }).first().waitFor();

  it('holds one connection, whatever page is open', async () => {
    await expect.poll(() => streams.paths, patience).toEqual(['/api/v1/events']);
    const links = page.getByRole('navigation', { name: 'Main' }).getByRole('link');
    const names = await links.allInnerTexts();
    expect(names).toContain('Logs');
    for (const name of names) {
      await follow(name.trim());
      await expect.poll(() => streams.paths, { message: name }).toEqual(['/api/v1/events']);
    }
    await follow('Functions');
    await page.getByRole('link', { name: 'teller' }).first().click();
    const main = page.getByRole('main');
    for (const name of ['Logs', 'Overview']) {
      await main.getByRole('link', { name, exact: true }).first().click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      await expect.poll(() => streams.paths, { message: name }).toEqual(['/api/v1/events']);
    }
    // It was one and the same all along.
    expect(streams.count).toBe(1);
  });

  it('shows lines of the past and of now, each page its own', async () => {
    await say('of the past');
    await follow('Logs');
    await see('of the past');
    await page.getByRole('status').getByText('Live').waitFor();
    await say('of now');
    await see('of now');
    await expect.poll(() => page.getByText('of the past', { exact: true }).count()).toBe(1);
    // Left and opened again, the past is there again.
    await follow('Overview');
    await follow('Logs');
    await see('of the past');
    await see('of now');
    expect(streams.count).toBe(1);
  });

  it('holds the lines at a key, counts what comes meanwhile, and goes on', async () => {
    await follow('Logs');
    await see('of now');
    await page.getByRole('heading', { level: 1 }).click();
    await page.keyboard.press('l');
    await page.getByRole('status').filter({ hasText: 'Paused' }).waitFor();
    await say('while it was held');
    const news = page.getByRole('button', { name: '1 new line', exact: true });
    await news.waitFor();
    expect(await page.getByText('while it was held', { exact: true }).count()).toBe(0);
    await news.click();
    await see('while it was held');
    await page.getByRole('heading', { level: 1 }).click();
    await page.keyboard.press('t');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
  });

  it('notices at once what is deployed elsewhere', async () => {
    const files = { 'index.mjs': 'export const handler = () => 1;' };
    const other = await browser.newPage();
    // By itself the list is asked for again every ten seconds: not here.
    await other.addInitScript(`{
      const begin = setInterval;
      globalThis.setInterval = (run, ms, ...more) => (ms < 5000 ? begin(run, ms, ...more) : 0);
    }`);
    await other.goto(`${platform.url}/functions#token=${platform.token}`);
    await other.getByRole('link', { name: 'teller' }).first().waitFor(patience);
    await other.getByTitle('What is new: Live').first().waitFor(patience);
    const made = await platform.api('POST', '/api/v1/functions', { name: 'newcomer', files });
    expect(made.status, await made.text()).toBe(201);
    await other.getByRole('link', { name: 'newcomer' }).first().waitFor(patience);
    await other.close();
  });

  it('asks again and again where a stream does not come through, and says that another version runs', async () => {
    const other = await browser.newPage();
    await other.clock.install();
    let held = 0;
    await other.route(/\/api\/v1\/events\?/, async (route) => {
      if (!route.request().url().includes('forMs=')) {
        held++;
        return;
      }
      const response = await route.fetch();
      const body = (await response.text()).replaceAll(/"version":"[^"]*"/g, '"version":"99.0.0"');
      await route.fulfill({ response, body });
    });
    await other.goto(`${platform.url}/#token=${platform.token}`);
    await other.getByRole('heading', { level: 1 }).waitFor(patience);
    await expect.poll(() => held, patience).toBeGreaterThan(0);
    await other.clock.fastForward(9000);
    await other.getByTitle('What is new: Polling').first().waitFor(patience);
    const notice = other.getByRole('status').filter({ hasText: 'Hearth 99.0.0 is running' });
    await notice.getByRole('button', { name: 'Reload' }).waitFor(patience);
    expect(await accessibilityFaults(other)).toEqual([]);
    await other.unrouteAll({ behavior: 'ignoreErrors' });
    await other.close();
  });

  it('goes on after the platform was started anew, and has the lines that were written meanwhile', async () => {
    await follow('Logs');
    await say('before the restart');
    await see('before the restart');
    const { dataDirectory } = platform;
    const port = new URL(platform.url).port;
    await platform.stop();
    await page
      .getByRole('status')
      .getByText(/Reconnecting|Connecting/)
      .waitFor();
    platform = await startPlatform({ dataDirectory, environment: { HEARTH_PORT: port } });
    await say('after the restart');
    await page.getByRole('status').getByText('Live').waitFor();
    await see('after the restart');
    await say('and on');
    await see('and on');
    await expect.poll(() => page.getByText('before the restart', { exact: true }).count()).toBe(1);
    await expect.poll(() => streams.paths).toEqual(['/api/v1/events']);
  });

  it('says how many lines it did not get when it was away for too many', { timeout: 300_000 }, async () => {
    const { dataDirectory } = platform;
    const port = new URL(platform.url).port;
    await platform.stop();
    // Where the browser does not find it.
    platform = await startPlatform({ dataDirectory });
    const code =
      "export const handler = () => { for (let i = 1; i <= 6000; i++) console.log('drop ' + i); return 1; };";
    const made = await platform.api('POST', '/api/v1/functions', { name: 'flood', files: { 'index.mjs': code } });
    expect(made.status, await made.text()).toBe(201);
    for (let i = 0; i < 3; i++)
      expect((await platform.api('POST', '/api/v1/functions/flood/invocations', {})).status).toBe(200);
    await say('the last one');
    await platform.stop();
    platform = await startPlatform({ dataDirectory, environment: { HEARTH_PORT: port } });
    await page.getByText(/… [\d.,\s]+ lines were dropped/).waitFor();
    await see('the last one');
    await expect.poll(() => streams.paths).toEqual(['/api/v1/events']);
  });
});
