import type { Browser, Page } from 'playwright-core';
import { openDashboard } from '../tests/e2e/support/browser.ts';
import { inhabit } from '../tests/e2e/support/inhabited.ts';
import { mainThreadTasks } from '../tests/e2e/support/main-thread.ts';
import { settled } from '../tests/e2e/support/page-load.ts';
import { observeVitals, vitalsOf } from '../tests/e2e/support/web-vitals.ts';
import type { Platform } from '../tests/support/platform.ts';
import { inBrowser } from './support/in-browser.ts';
import { median, type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const rounds = 5;
const goalMs = 200;
const slowdown = 4;

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name }).first().click();
const typed = async (page: Page, label: string, text: string) => {
  await page.getByRole('searchbox', { name: label }).click();
  await page.keyboard.type(text);
};

/** What people do on each page, of what makes the browser work. */
const deeds: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  '/': async (page) => {
    await button(page, 'View Latency as table');
    await button(page, 'View Latency as chart');
    await button(page, '24 h');
    await button(page, /Pause$/);
    await page.keyboard.press('Control+k');
    await page.getByRole('option').first().waitFor();
    await page.keyboard.type('logs');
    await page.keyboard.press('Escape');
  },
  '/functions': async (page) => {
    await page.getByRole('row').nth(1).waitFor();
    await button(page, 'Function');
    await page.getByRole('checkbox').nth(1).click();
    await typed(page, 'Search functions', 'shop');
  },
  '/functions/shop': async (page) => {
    await page.getByRole('link', { name: 'Versions', exact: true }).click();
    await button(page, 'Compare');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Invocations', exact: true }).last().click();
    await page.getByRole('cell').nth(1).getByRole('button').click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Overview', exact: true }).last().click();
  },
  '/logs': async (page) => {
    await page.getByRole('log').waitFor();
    await typed(page, 'Filter', 'looking');
    await button(page, 'Wrap long lines');
    await button(page, 'Pause');
  },
};

/**
 * How long people wait for what a key or a click does, until the next frame that shows it: the longest of all that is done on a page, which is
 * what `web-vitals` calls interaction to next paint where there are fewer than fifty.
 */
export async function dashboardInput(): Promise<readonly Row[]> {
  return await inBrowser('input in a browser', async (browser, platform) => {
    await inhabit(platform);
    const rows: Row[] = [];
    for (const path of Object.keys(deeds)) rows.push(...(await answers(browser, platform, path)));
    return rows;
  });
}

async function answers(browser: Browser, platform: Platform, path: string): Promise<readonly Row[]> {
  const [asFast, slowed, tasks]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    progress(`${path}, round ${round + 1} of ${rounds}`);
    const visit = { platform, path };
    asFast.push(await longestAnswer(browser, visit));
    slowed.push(await longestAnswer(browser, { ...visit, slowdown }));
    tasks.push(await longestTask(browser, visit));
  }
  const what = `interaction to next paint on ${path}`;
  return [
    row(what, withSpread(asFast, 0, ' ms'), `<= ${goalMs} ms`, median(asFast) <= goalMs, asFast),
    row(`${what}, CPU ${slowdown} x slower`, withSpread(slowed, 0, ' ms')),
    // On a busy machine most of the time is waiting for a processor.
    row(`${what}: CPU time of the longest task of the page, as fast as it is`, withSpread(tasks, 0, ' ms')),
  ];
}

interface Visit {
  readonly platform: Platform;
  readonly path: string;
  readonly slowdown?: number;
}

async function longestAnswer(browser: Browser, visit: Visit): Promise<number> {
  const page = await open(browser, visit);
  await deeds[visit.path]?.(page);
  const { interactions } = await vitalsOf(page);
  await page.context().close();
  return Math.max(0, ...interactions.map(({ ms }) => ms));
}

async function longestTask(browser: Browser, visit: Visit): Promise<number> {
  const page = await open(browser, visit);
  const tasks = await mainThreadTasks(browser, page, async () => await deeds[visit.path]?.(page));
  await page.context().close();
  return Math.max(...tasks);
}

/** The page once it has nothing left to load; from then on the processor is so much slower. */
async function open(browser: Browser, { platform, path, slowdown = 1 }: Visit): Promise<Page> {
  const { page } = await openDashboard(browser, platform);
  await observeVitals(page);
  await page.goto(platform.url + path);
  await settled(page);
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
  return page;
}
