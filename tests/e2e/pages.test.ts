import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import {
  accessibilityFaults,
  cutOff,
  goTo,
  openDashboard,
  overflowPx,
  startWithBrowser,
  whyNoChromium,
} from './support/browser.ts';
import { allPages, inhabit } from './support/inhabited.ts';
import { observeVitals, shiftScore, vitalsOf } from './support/web-vitals.ts';

/** Pictures of every page, for people to look at. Not kept in the repository. */
const pictures = join(import.meta.dirname, 'screenshots');
const screens = [
  // A window of 1280 x 768 whose text was made twice as large (WCAG 1.4.4), and a phone as narrow as they are (1.4.10).
  { screen: 'desktop', width: 1366, narrowest: 640, low: 384 },
  { screen: 'phone', width: 390, narrowest: 320, low: 768 },
] as const;
/** What may move by itself while a page is loaded, as cumulative layout shift counts it. */
const mostShift = 0.015;
/** In a page: what moves for longer than somebody notices who asked for less motion. */
const moving = `document.getAnimations().filter((item) => item.playState === 'running' &&
  item.effect.getComputedTiming().endTime > 10).map((item) => item.animationName ?? item.transitionProperty)`;
const themes = ['light', 'dark'] as const;

/** Every page, as people see it who have functions and traffic: in both themes, on a desk and in a hand. */
describe.skipIf(whyNoChromium !== undefined)(`every page${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let pages: readonly string[];

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    await inhabit(platform);
    pages = await allPages(platform);
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  /** Goes there, and waits until all that is loaded has been loaded. */
  async function show(page: Page, path: string): Promise<void> {
    await goTo(page, platform.url + path);
    await page.waitForLoadState('load');
    await expect.poll(() => page.getByRole('status', { name: /^Loading/ }).count()).toBe(0);
  }

  /** Requests that came to nothing, or were answered with an error; what a page that was left no longer wants is none. */
  function watchRequests(page: Page): string[] {
    const failed: string[] = [];
    page.on('requestfailed', (request) => {
      const reason = request.failure()?.errorText ?? '';
      if (reason !== 'net::ERR_ABORTED') failed.push(`${reason} ${request.url()}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 400) failed.push(`${response.status()} ${response.url()}`);
    });
    page.on('request', (request) => {
      // Everything comes from the platform: it works where there is no internet.
      if (/^(https?|wss?):/.test(request.url()) && new URL(request.url()).origin !== platform.url)
        failed.push(`elsewhere: ${request.url()}`);
    });
    return failed;
  }

  /** Of its picture. */
  function nameOf(path: string): string {
    const name = path
      .slice(1)
      .replaceAll('/', '-')
      .replace(/\d[\w-]{20,}/, 'one');
    return path === '/' ? 'overview' : name.slice(0, 60);
  }

  it.each(screens)(
    'has nothing wrong with it, in both themes: $screen, down to $narrowest pixels',
    { timeout: 900_000 },
    async ({ screen, width, narrowest, low }) => {
      for (const theme of themes) mkdirSync(join(pictures, `${screen}-${theme}`), { recursive: true });
      const { page, complaints } = await openDashboard(browser, platform, { width });
      const failed = watchRequests(page);
      await observeVitals(page);
      for (const path of pages) {
        await show(page, path);
        expect(await accessibilityFaults(page), `${path}, light`).toEqual([]);
        // By now all that a page asks for at first has come.
        const vitals = await vitalsOf(page);
        expect(shiftScore(vitals), `${path} moves ${JSON.stringify(vitals.shifts)}`).toBeLessThanOrEqual(mostShift);
        for (const theme of themes) {
          await page.emulateMedia({ colorScheme: theme });
          if (theme === 'dark') expect(await accessibilityFaults(page), `${path}, dark`).toEqual([]);
          expect(await overflowPx(page), `${path}, ${theme}`).toBeLessThanOrEqual(0);
          await page.screenshot({ path: join(pictures, `${screen}-${theme}`, `${nameOf(path)}.png`), fullPage: true });
        }
        await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
        await expect.poll(() => page.evaluate(moving), { message: `${path}, reduced motion` }).toEqual([]);
        await page.setViewportSize({ width: narrowest, height: low });
        expect(await overflowPx(page), path).toBeLessThanOrEqual(0);
        expect(await cutOff(page), path).toEqual([]);
        await page.setViewportSize({ width, height: 768 });
        await page.emulateMedia({ reducedMotion: 'no-preference' });
        expect(complaints, path).toEqual([]);
        const isNowhere = path.includes('no-such-function');
        expect(
          failed.splice(0).filter((line) => !(isNowhere && line.startsWith('404'))),
          path,
        ).toEqual([]);
      }
      await page.context().close();
    },
  );

  it('moves, unless somebody asked for less of that', async () => {
    const { page } = await openDashboard(browser, platform);
    const pulses = () => page.evaluate(moving);
    await expect.poll(pulses).toContain('pulse');
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await expect.poll(pulses).toEqual([]);
    await page.context().close();
  });

  it.each([390, 320])('shows functions, invocations and versions whole in a window of %i pixels', async (width) => {
    const { page } = await openDashboard(browser, platform, { width });
    const excess = `Math.max(...[...document.querySelectorAll('main table')].map((table) =>
      table.parentElement.scrollWidth - table.parentElement.clientWidth))`;
    for (const [path, fact] of [
      ['/functions', 'Errors'],
      ['/functions/shop/invocations', 'Duration'],
      ['/functions/shop/versions', 'Deployed'],
      ['/invocations', 'Function'],
    ] as const) {
      await show(page, path);
      const cell = page.locator(`tbody td[data-label="${fact}"]`).first();
      await cell.waitFor();
      await expect.poll(() => page.evaluate(excess), { message: path }).toBeLessThanOrEqual(0);
      const rightOf = async () => {
        const box = await cell.boundingBox();
        return box === null ? Number.NaN : box.x + box.width;
      };
      await expect.poll(rightOf, { message: path }).toBeLessThanOrEqual(width);
      // Laid out as something else, it is a table to those who cannot see it all the same.
      expect(await page.getByRole('cell').count(), path).toBeGreaterThan(0);
    }
    await page.context().close();
  });
});
