import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { budgets } from '../../scripts/dashboard-budget.ts';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { openDashboard, patienceMs, startWithBrowser, whyNoChromium } from './support/browser.ts';
import { fastForward } from './support/fast-forward.ts';
import { deployPrinter, printAndRead, printEvenly } from './support/log-traffic.ts';
import { heapBytes, logsAt, mainThreadTasks, scrollLogs } from './support/main-thread.ts';
import { loadPage } from './support/page-load.ts';

/** How long a state that comes by itself may take on a busy machine. */
const patience = { timeout: patienceMs };

/** What the first line in sight says. */
const rowInSight = `{
  const { left, top } = document.querySelector('[role=log]').getBoundingClientRect();
  document.elementFromPoint(left + 60, top + 60).closest('[style*=translateY]').textContent;
}`;

/**
 * What the dashboard may cost a browser, in figures that do not depend on how busy the machine is: CPU time, bytes, requests. The times that
 * follow from them are in docs/performance.md (`npm run bench dashboard-pages`).
 */
describe.skipIf(whyNoChromium !== undefined)(`quality bars of the dashboard${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    await deployPrinter(platform);
  });

  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  it.each(['/', '/functions', '/functions/printer', '/logs'])(
    'loads %s with little work, few bytes and short chains of requests',
    async (path) => {
      const load = await loadPage(browser, { url: `${platform.url}${path}#token=${platform.token}` });
      expect(load.vitals.largestPaintMs).toBeGreaterThan(0);
      // A quarter of the 2.5 s within which the largest paint is due on a processor that is four times slower.
      expect(load.mainThreadMs).toBeLessThan(2500 / 4);
      expect(load.scriptBytes).toBeLessThanOrEqual(budgets.firstLoad);
      // Document, shell, page, and what the page asks for.
      expect(load.requests.filter(({ depth }) => depth > 4)).toEqual([]);
      expect(load.requests.length).toBeLessThanOrEqual(44);
    },
  );

  it('keeps 100,000 lines of logs and follows 1,000 more a second without a long task', async () => {
    const lines = await printAndRead(platform, 100_000);
    const ahead = await fastForward(platform.url, lines);
    const { page, complaints } = await openDashboard(browser, { url: ahead.url, token: platform.token });
    const session = await page.context().newCDPSession(page);
    const list = page.getByRole('log');
    const letGo = async () => {
      const notes = await page.getByText(/older lines are no longer kept/).allTextContents();
      return Number(notes[0]?.replace(/\D/g, '') ?? 0);
    };
    await page.goto(`${ahead.url}/logs`);
    await page.getByText('100k lines').waitFor();
    await page.getByRole('main').getByText('Live', { exact: true }).waitFor();

    const heapBefore = await heapBytes(session);
    const live = await mainThreadTasks(browser, page, () => printEvenly(platform, { perSecond: 1000, seconds: 5 }));
    expect(Math.max(...live)).toBeLessThan(100);
    // It still follows, nothing was left out, and the oldest lines made room.
    await expect.poll(letGo, patience).toBeGreaterThanOrEqual(5000);
    expect(await page.getByText(/came too fast|new lines/).count()).toBe(0);
    await list.getByText('order 99 accepted').first().waitFor();

    const scrolled = await mainThreadTasks(browser, page, () => scrollLogs(page, 20));
    expect(Math.max(...scrolled)).toBeLessThan(100);
    expect(await list.getByRole('time').count()).toBeLessThan(200);
    const heap = await heapBytes(session);
    expect(heap).toBeLessThan(150_000_000);
    expect(heap - heapBefore).toBeLessThan(20_000_000);

    // What somebody reads stays in its place while older lines go.
    await page.evaluate(logsAt(0.5));
    await expect.poll(() => page.getByRole('button', { name: 'Follow' }).count(), patience).toBe(1);
    const read = await page.evaluate(rowInSight);
    expect(read).toContain('order');
    await printEvenly(platform, { perSecond: 1000, seconds: 1 });
    await expect.poll(letGo, patience).toBeGreaterThanOrEqual(6000);
    await expect.poll(() => page.evaluate(rowInSight)).toBe(read);
    expect(complaints).toEqual([]);
    await page.context().close();
    ahead.close();
  });

  it('holds no more after eight hours of live numbers than after a quarter of one', async () => {
    const ahead = await fastForward(platform.url);
    try {
      const { page, complaints } = await openDashboard(browser, { url: ahead.url, token: platform.token });
      const session = await page.context().newCDPSession(page);
      const frame = () =>
        page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
      const pass = async (hours: number) => {
        for (let i = 0; i < hours * 30; i++) {
          await ahead.pass(120);
          await frame();
        }
      };
      await page.getByText(/busy · CPU/).waitFor();
      // What a tab keeps, a quarter of an hour in seconds, is there from then on.
      await pass(0.3);
      const before = await heapBytes(session);
      await pass(8);
      const growth = (await heapBytes(session)) - before;
      expect(growth).toBeLessThan(5_000_000);
      // Of the last quarter of an hour, in steps of 10 s.
      await page.getByRole('button', { name: 'View Memory of the host as table' }).click();
      const rows = page.getByRole('region', { name: 'Memory of the host as a table' }).getByRole('row');
      await expect.poll(() => rows.count()).toBeGreaterThan(80);
      expect(complaints).toEqual([]);
      await page.context().close();
    } finally {
      ahead.close();
    }
  });
});
