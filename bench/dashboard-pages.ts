import { loadavg } from 'node:os';
import type { Browser } from 'playwright-core';
import { deployPrinter, printLines } from '../tests/e2e/support/log-traffic.ts';
import { mainThreadTasks } from '../tests/e2e/support/main-thread.ts';
import { loadPage, type PageLoad } from '../tests/e2e/support/page-load.ts';
import { blockingMs, shiftScore } from '../tests/e2e/support/web-vitals.ts';
import type { Platform } from '../tests/support/platform.ts';
import { inBrowser } from './support/in-browser.ts';
import { median, type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const rounds = 5;
/** What a slow laptop or a telephone has, against this machine and a wire. */
const slow = { slowdown: 4, bitsPerSecond: 10_000_000 } as const;
const goals = { slowPaintMs: 2500, paintMs: 800, blockingMs: 300, shift: 0.05 } as const;
const pages = { overview: '/', functions: '/functions', function: '/functions/printer', logs: '/logs' } as const;

/** How soon a page of the dashboard shows what it has to say, in a browser that has nothing of it. Without Chromium there is nothing to measure. */
export async function dashboardPages(): Promise<readonly Row[]> {
  return await inBrowser('pages in a browser', async (browser, platform) => {
    await deployPrinter(platform);
    for (let i = 0; i < 10; i++) await printLines(platform, 20);
    const rows: Row[] = [];
    for (const [name, path] of Object.entries(pages)) rows.push(...(await firstVisits(browser, platform, name, path)));
    return [...rows, row('load average of the host after that', loadavg()[0]?.toFixed(1) ?? '')];
  });
}

async function firstVisits(browser: Browser, platform: Platform, name: string, path: string): Promise<readonly Row[]> {
  const url = `${platform.url}${path}#token=${platform.token}`;
  const [slowed, asFast]: [PageLoad[], PageLoad[]] = [[], []];
  const blocked: number[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(`${url}, round ${round + 1} of ${rounds}`);
    slowed.push(await loadPage(browser, { url, ...slow }));
    asFast.push(await loadPage(browser, { url }));
    const visit = () => loadPage(browser, { url }).then(() => undefined);
    const tasks = await mainThreadTasks(browser, undefined, visit, { isFromPaint: true });
    blocked.push(tasks.reduce((sum, ms) => sum + Math.max(0, slow.slowdown * ms - 50), 0));
  }
  const paint = ({ vitals }: PageLoad) => vitals.largestPaintMs;
  const most = (what: string, values: readonly number[], goal: number, unit: string, digits = 0) =>
    row(`page ${name}: ${what}`, withSpread(values, digits, unit), `<= ${goal}${unit}`, median(values) <= goal, values);
  const work = asFast.map(({ mainThreadMs }) => mainThreadMs);
  const shifts = [...slowed, ...asFast].map(({ vitals }) => shiftScore(vitals));
  return [
    most('largest contentful paint, CPU 4 x slower, 10 Mbit/s, 40 ms', slowed.map(paint), goals.slowPaintMs, ' ms'),
    most('largest contentful paint, as fast as it is', asFast.map(paint), goals.paintMs, ' ms'),
    // Other work on the machine makes tasks longer on the clock, and takes four times as much of a processor that is four times slower.
    most('total blocking time, four times the CPU time of each task', blocked, goals.blockingMs, ' ms'),
    row(
      `page ${name}: total blocking time on the clock, CPU 4 x slower, 10 Mbit/s, 40 ms`,
      withSpread(
        slowed.map(({ vitals }) => blockingMs(vitals)),
        0,
        ' ms',
      ),
    ),
    most('cumulative layout shift, slowed down and as fast as it is', shifts, goals.shift, '', 3),
    row(`page ${name}: CPU time of the main thread, as fast as it is`, withSpread(work, 0, ' ms'), '', undefined, work),
  ];
}
