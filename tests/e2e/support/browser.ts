import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type CDPSession, chromium, type Locator, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { buildStale } from '../../../scripts/build.ts';
import { eventually, type Platform, type PlatformOptions, startPlatform } from '../../support/platform.ts';

const candidates = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser of this machine, or undefined: then the tests that need one are skipped. `CHROMIUM_PATH` names another. */
export function findChromium(): string | undefined {
  const named = process.env['CHROMIUM_PATH'];
  if (named !== undefined && named !== '') return named;
  return candidates.find((path) => existsSync(path));
}

function launchChromium(executablePath: string): Promise<Browser> {
  const args = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  return chromium.launch({ executablePath, args });
}

/** How long anything that comes by itself may take on a busy machine, as `expect.poll` waits. */
export const patienceMs = 60_000;

/** Why tests of a browser cannot run here, or undefined. */
export const whyNoChromium =
  findChromium() === undefined ? 'there is no Chromium: scripts/setup_env.sh --tests' : undefined;

/** A platform as it was built from these sources, and a browser; both are the caller's to end. */
export async function startWithBrowser(
  options: PlatformOptions = {},
): Promise<{ readonly platform: Platform; readonly browser: Browser }> {
  await buildStale(['guest', 'server', 'dashboard']);
  const [platform, browser] = await Promise.all([startPlatform(options), launchChromium(findChromium() ?? '')]);
  return { platform, browser };
}

/** What a page complains about: exceptions, errors in its console (content security policy included), answers of 500 and above that nobody asked for. */
function watchComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on('response', (response) => {
    // A test that fails a function on purpose asks for its 502.
    const isCall = response.request().method() === 'POST' && response.url().includes('/invocations');
    if (response.status() >= 500 && !isCall) complaints.push(`${response.status()} ${response.url()}`);
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    // The browser itself reports every answer of 400 and above; those are shown to the person by the page.
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isAnswer) complaints.push(`console: ${message.text()}`);
  });
  return complaints;
}

export interface DashboardView {
  readonly theme?: 'light' | 'dark';
  /** Of the window, pixels. 1366 when left out. */
  readonly width?: number;
  /** Left out: it is. */
  readonly isSignedIn?: boolean;
}

/** The dashboard of a platform in a fresh browser profile; `complaints` grows while the page is used. */
export async function openDashboard(
  browser: Browser,
  platform: { readonly url: string; readonly token: string },
  { theme = 'light', width = 1366, isSignedIn = true }: DashboardView = {},
): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width, height: 768 }, colorScheme: theme });
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  const complaints = watchComplaints(page);
  await goTo(page, `${platform.url}/${isSignedIn ? `#token=${platform.token}` : ''}`);
  return { page, complaints };
}

/** Goes to a page of the dashboard, and waits until its headline is there. */
export async function goTo(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByRole('heading', { level: 1 }).waitFor();
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Until what moves once has come to its end: what fades in has less contrast on its way. */
const settled = `Promise.all(document.getAnimations()
  .filter((item) => item.effect.getTiming().iterations !== Infinity)
  .map((item) => item.finished.catch(() => undefined)))`;

/** Looks in a row that have to find something: what comes in between, such as a note that fades in, is none of the page's faults. */
const looks = 3;

/** What axe-core finds on the page once nothing moves any more, one line each. */
export async function accessibilityFaults(page: Page): Promise<readonly string[]> {
  const session = await page.context().newCDPSession(page);
  try {
    await session.send('Runtime.evaluate', { expression: axeSource });
    let faults = await lookAt(session);
    for (let look = 1; look < looks && faults.length > 0; look++) faults = await lookAt(session);
    return faults;
  } finally {
    await session.detach();
  }
}

/** Through the debugger, as the page's policy allows no such script. */
async function lookAt(session: CDPSession): Promise<readonly string[]> {
  const tags = JSON.stringify(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
  // Axe leaves the size of targets (WCAG 2.2) out unless it is asked for it; a version that asks differently must not go unnoticed.
  const expression = `${settled}.then(() => axe.run({ runOnly: ${tags} }).then((result) => {
    const looked = ['passes', 'violations', 'incomplete', 'inapplicable'].flatMap((kind) => result[kind]);
    const missed = looked.some(({ id }) => id === 'target-size') ? [] : ['axe did not look at the size of targets'];
    return [...missed, ...result.violations.flatMap((violation) =>
      violation.nodes.map((node) => violation.id + ': ' + node.target.join(' ') + ': ' + node.failureSummary))];
  }))`;
  const { result } = await session.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  return (result.value ?? [`axe did not run: ${result.description ?? ''}`]) as string[];
}

/** To be run in a page: the value of `expression` in the first frame in which `isFine` holds for it, or in the last of sixty. */
const inSomeFrame = (expression: string, isFine: string): string => `new Promise((done) => {
  let left = 60;
  const look = () => {
    const value = ${expression};
    if (${isFine} || --left === 0) done(value);
    else requestAnimationFrame(look);
  };
  look();
})`;

/** How many pixels the page is wider than the window. What is measured before it is drawn, as charts are, has a window's new width some frames later. */
export function overflowPx(page: Page): Promise<number> {
  // As text: the project's types for Node.js know no `document`.
  const excess = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
  return page.evaluate(inSomeFrame(excess, 'value <= 0'));
}

/** In a page: what can be used or read and is not whole within the width of the window, without a way to scroll to it. */
const outside = `[...document.querySelectorAll('a[href], button, input, select, textarea, h1, h2, p, dd, label')]
  .filter((element) => {
    if (!element.checkVisibility({ visibilityProperty: true }) || element.closest('.sr-only, [aria-hidden=true]') !== null) return false;
    const { left, right, width } = element.getBoundingClientRect();
    if (width <= 1 || (left >= -1 && right <= innerWidth + 1)) return false;
    for (let around = element.parentElement; around !== null; around = around.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(around).overflowX)) return false;
    return true;
  })
  .map((element) => element.tagName + ' ' + (element.getAttribute('aria-label') ?? element.textContent).trim().slice(0, 60))`;

/** Controls and texts of the page that are cut off at the sides of the window. */
export function cutOff(page: Page): Promise<readonly string[]> {
  return page.evaluate(inSomeFrame(outside, 'value.length === 0'));
}

/** Presses the key until this is seen: what listens to single keys is loaded a moment after the page. Not for keys that take back what they did. */
export async function pressUntilSeen(page: Page, key: string, target: Locator): Promise<void> {
  await expect
    .poll(async () => {
      if (!(await target.isVisible())) await page.keyboard.press(key);
      return await target.isVisible();
    })
    .toBe(true);
}

/**
 * Drags across a chart, between two shares of its width, until the address has that range: what comes late to the page above it moves the chart away
 * from the pointer.
 */
export async function zoomInto(page: Page, chart: Locator, [from, to]: readonly [number, number]): Promise<void> {
  await eventually(async () => {
    await chart.scrollIntoViewIfNeeded();
    const box = await chart.boundingBox();
    if (box === null) throw new Error('the chart has no place');
    const y = box.y + Math.min(60, box.height / 2);
    await page.mouse.move(box.x + box.width * from, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * to, y, { steps: 8 });
    await page.mouse.up();
    await page.waitForURL(/range=\d{13}-\d{13}/, { timeout: 5000 });
  });
}

type View = readonly [theme: 'light' | 'dark', width: number];

/** Fails unless the page is accessible and no wider than the window, in each of these views; then it is shown as at first. */
export async function expectFine(page: Page, views: readonly View[]): Promise<void> {
  for (const view of views) {
    await showAs(page, view);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await overflowPx(page)).toBe(0);
  }
  await showAs(page, ['light', 1366]);
}

async function showAs(page: Page, [theme, width]: View): Promise<void> {
  await page.emulateMedia({ colorScheme: theme });
  await page.setViewportSize({ width, height: 768 });
}
