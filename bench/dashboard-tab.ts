import type { Browser, CDPSession, Page } from 'playwright-core';
import { openDashboard } from '../tests/e2e/support/browser.ts';
import { type FastForward, fastForward } from '../tests/e2e/support/fast-forward.ts';
import { deployPrinter, printAndRead, printEvenly } from '../tests/e2e/support/log-traffic.ts';
import {
  framesPerSecond,
  heapBytes,
  mainThreadMs,
  mainThreadTasks,
  scrollLogs,
  scrollLogsBy,
} from '../tests/e2e/support/main-thread.ts';
import type { Platform } from '../tests/support/platform.ts';
import { inBrowser } from './support/in-browser.ts';
import { median, percentile, type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const keptLines = 100_000;
const linesPerSecond = 1000;
const liveSeconds = 20;
const goalTaskMs = 100;
const hours = 8;
const rounds = 5;
const scrollMs = 3000;
const goalFrames = 55;
const goalFrameMs = 1000 / goalFrames;
const goalUpdateMs = 8;
const updates = 300;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** What an open tab costs: the page of logs full of lines with more coming, and the overview after a working day. */
export async function dashboardTab(): Promise<readonly Row[]> {
  return await inBrowser('tabs in a browser', async (browser, platform) => {
    await deployPrinter(platform);
    return [...(await logs(browser, platform)), ...(await workingDay(browser, platform))];
  });
}

async function logs(browser: Browser, platform: Platform): Promise<readonly Row[]> {
  progress('lines of the log');
  const lines = await printAndRead(platform, keptLines);
  const ahead = await fastForward(platform.url, lines);
  const { page } = await openDashboard(browser, { url: ahead.url, token: platform.token });
  const session = await page.context().newCDPSession(page);
  await page.goto(`${ahead.url}/logs`);
  await page.getByText('100k lines').waitFor();
  await page.getByRole('main').getByText('Live', { exact: true }).waitFor();
  const before = await heapBytes(session);
  const live = await mainThreadTasks(browser, page, () =>
    printEvenly(platform, { perSecond: linesPerSecond, seconds: liveSeconds }),
  );
  const after = await heapBytes(session);
  const scrolled = await mainThreadTasks(browser, page, () => scrollLogs(page, 200));
  const frames = await scrollFrames(page, session);
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
    ...frames,
    row(`${what}: heap before and after`, `${megabytes(before)}, ${megabytes(after)}`, '< 150 MB', after < 150e6),
  ];
}

/** Pixels in each frame. */
const scrollSpeeds = [
  { how: 'as a wheel does', px: 100, hasGoal: true },
  { how: 'a window and more in each frame', px: 2000, hasGoal: false },
] as const;

/**
 * At the speed of a wheel, and so fast that no row of one frame is in the next. A busy machine leaves the page less than a core, and shows fewer
 * frames than the page is good for: the CPU time of each tells that.
 */
async function scrollFrames(page: Page, session: CDPSession): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const { how, px, hasGoal } of scrollSpeeds) {
    const [frames, cpuMs]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      progress(`scrolling ${how}, round ${round + 1} of ${rounds}`);
      const before = await mainThreadMs(session);
      const found = await framesPerSecond(page, scrollMs, scrollLogsBy(px));
      frames.push(found);
      cpuMs.push(((await mainThreadMs(session)) - before) / ((found * scrollMs) / 1000));
    }
    const what = `logs, scrolling through ${keptLines} lines ${how}`;
    const isMet = median(frames) >= goalFrames || median(cpuMs) <= goalFrameMs;
    rows.push(
      row(
        `${what}: frames a second; CPU time of each`,
        `${withSpread(frames, 1)}; ${withSpread(cpuMs, 1, ' ms')}`,
        hasGoal ? `>= ${goalFrames}, or what fits into a core` : '',
        hasGoal ? isMet : undefined,
        cpuMs,
      ),
    );
  }
  return rows;
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
    return [
      row(`${what}: heap`, `${megabytes(before)}, +${megabytes(growth)}`, '< +20 MB', growth < 20e6),
      ...(await chartUpdates(page, session, ahead)),
    ];
  } finally {
    ahead.close();
  }
}

/** A second more in the five series of the host, each of the 900 seconds of a quarter of an hour: all that a page does for it. */
async function chartUpdates(page: Page, session: CDPSession, ahead: FastForward): Promise<readonly Row[]> {
  await page.goto(`${ahead.url}/?range=15m`);
  await page.getByText(/busy · CPU/).waitFor();
  await page.getByRole('img', { name: /^Chart: Memory of the host/ }).scrollIntoViewIfNeeded();
  await ahead.pass(900);
  await frame(page);
  const each: number[] = [];
  for (let update = 0; update < updates; update++) {
    const before = await mainThreadMs(session);
    await ahead.pass(1);
    await frame(page);
    each.push((await mainThreadMs(session)) - before);
  }
  return [
    row(
      'overview, one more second in charts of 5 series x 900 points: CPU time of all that the page does',
      `median ${median(each).toFixed(1)} ms, p95 ${percentile(each, 95).toFixed(1)} ms`,
      `median <= ${goalUpdateMs} ms`,
      median(each) <= goalUpdateMs,
    ),
  ];
}

const frame = (page: Page): Promise<unknown> => page.evaluate('new Promise((done) => requestAnimationFrame(done))');
