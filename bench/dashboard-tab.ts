import type { Browser, Page } from 'playwright-core';
import { findChromium, launchChromium, openDashboard } from '../tests/e2e/support/browser.ts';
import { fastForward } from '../tests/e2e/support/fast-forward.ts';
import { deployPrinter, printAndRead, printEvenly } from '../tests/e2e/support/log-traffic.ts';
import { heapBytes, mainThreadTasks, scrollLogs } from '../tests/e2e/support/main-thread.ts';
import { type Platform, startPlatform } from '../tests/support/platform.ts';
import { percentile, type Row, row } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const keptLines = 100_000;
const linesPerSecond = 1000;
const liveSeconds = 20;
const goalTaskMs = 100;
const hours = 8;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** What an open tab costs: the page of logs full of lines with more coming, and the overview after a working day. */
export async function dashboardTab(): Promise<readonly Row[]> {
  const executablePath = findChromium();
  if (executablePath === undefined) return [row('tabs in a browser', 'there is no Chromium')];
  const [platform, browser] = await Promise.all([startPlatform(), launchChromium(executablePath)]);
  try {
    await deployPrinter(platform);
    return [...(await logs(browser, platform)), ...(await workingDay(browser, platform))];
  } finally {
    await browser.close();
    await platform.dispose();
  }
}

async function logs(browser: Browser, platform: Platform): Promise<readonly Row[]> {
  progress('lines of the log');
  const lines = await printAndRead(platform, keptLines);
  const ahead = await fastForward(platform.url, lines);
  const { page } = await openDashboard(browser, { url: ahead.url, token: platform.token });
  const session = await page.context().newCDPSession(page);
  await page.goto(`${ahead.url}/logs`);
  await page.getByText('100k lines').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  const before = await heapBytes(session);
  const live = await mainThreadTasks(browser, page, () =>
    printEvenly(platform, { perSecond: linesPerSecond, seconds: liveSeconds }),
  );
  const after = await heapBytes(session);
  const scrolled = await mainThreadTasks(browser, page, () => scrollLogs(page, 200));
  const leftOut = await page.getByText(/came too fast/).count();
  await page.context().close();
  ahead.close();
  const what = `logs, ${keptLines} lines in the tab and ${linesPerSecond} more a second`;
  const share = (live.reduce((sum, ms) => sum + ms, 0) / (liveSeconds * 10)).toFixed(0);
  return [
    tasks(`${what}: longest task`, live),
    row(`${what}: CPU of the page's main thread`, `${share} % of one core`),
    row(`${what}: lines left out`, leftOut === 0 ? 'none' : 'some', 'none', leftOut === 0),
    tasks(`logs, scrolling through ${keptLines} lines: longest task`, scrolled),
    row(`${what}: heap before and after`, `${megabytes(before)}, ${megabytes(after)}`, '< 150 MB', after < 150e6),
  ];
}

function tasks(what: string, tookMs: readonly number[]): Row {
  const longest = Math.max(...tookMs);
  const value = `${longest.toFixed(0)} ms of CPU, p99 ${percentile(tookMs, 99).toFixed(1)} ms`;
  return row(what, value, `< ${goalTaskMs} ms`, longest < goalTaskMs);
}

/** Every second of eight hours drawn by itself, as fast as the browser draws. */
async function workingDay(browser: Browser, platform: Platform): Promise<readonly Row[]> {
  progress(`${hours} hours of an open tab`);
  const ahead = await fastForward(platform.url);
  try {
    const { page } = await openDashboard(browser, { url: ahead.url, token: platform.token });
    const session = await page.context().newCDPSession(page);
    await page.getByText(/busy · CPU/).waitFor();
    await ahead.pass(1000);
    await frame(page);
    const before = await heapBytes(session);
    for (let second = 0; second < hours * 3600; second++) {
      await ahead.pass(1);
      await frame(page);
    }
    const growth = (await heapBytes(session)) - before;
    const what = `overview, ${hours} h of live numbers, every second drawn`;
    return [row(`${what}: heap`, `${megabytes(before)}, +${megabytes(growth)}`, '< +20 MB', growth < 20e6)];
  } finally {
    ahead.close();
  }
}

const frame = (page: Page): Promise<unknown> => page.evaluate('new Promise((done) => requestAnimationFrame(done))');
