import { loadavg } from 'node:os';
import type { Browser } from 'playwright-core';
import { findChromium, launchChromium } from '../tests/e2e/support/browser.ts';
import { deployPrinter, printLines } from '../tests/e2e/support/log-traffic.ts';
import { loadPage } from '../tests/e2e/support/page-load.ts';
import { type Platform, startPlatform } from '../tests/support/platform.ts';
import { median, type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const rounds = 7;
const goalMs = 2500;
/** What a slow laptop or a telephone has, against this machine and a wire. */
const slow = { slowdown: 4, bitsPerSecond: 10_000_000 } as const;
const pages = { overview: '/', functions: '/functions', function: '/functions/printer', logs: '/logs' } as const;

/** How soon a page of the dashboard shows what it has to say, in a browser that has nothing of it. Without Chromium there is nothing to measure. */
export async function dashboardPages(): Promise<readonly Row[]> {
  const executablePath = findChromium();
  if (executablePath === undefined) return [row('pages in a browser', 'there is no Chromium')];
  const [platform, browser] = await Promise.all([startPlatform(), launchChromium(executablePath)]);
  try {
    await deployPrinter(platform);
    for (let i = 0; i < 10; i++) await printLines(platform, 20);
    const rows: Row[] = [];
    for (const [name, path] of Object.entries(pages)) rows.push(...(await firstVisits(browser, platform, name, path)));
    return [...rows, row('load average of the host after that', loadavg()[0]?.toFixed(1) ?? '')];
  } finally {
    await browser.close();
    await platform.dispose();
  }
}

async function firstVisits(browser: Browser, platform: Platform, name: string, path: string): Promise<readonly Row[]> {
  const url = `${platform.url}${path}#token=${platform.token}`;
  const [paints, work]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    progress(`${url}, round ${round + 1} of ${rounds}`);
    paints.push((await loadPage(browser, { url, ...slow })).lcpMs);
    work.push((await loadPage(browser, { url })).mainThreadMs);
  }
  return [
    row(
      `page ${name}: largest contentful paint, CPU 4 x slower, 10 Mbit/s, 40 ms`,
      withSpread(paints, 0, ' ms'),
      `<= ${goalMs} ms`,
      median(paints) <= goalMs,
      paints,
    ),
    row(`page ${name}: CPU time of the main thread, as fast as it is`, withSpread(work, 0, ' ms'), '', undefined, work),
  ];
}
