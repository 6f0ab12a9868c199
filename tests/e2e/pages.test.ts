import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { accessibilityFaults, openDashboard, overflowPx, startWithBrowser, whyNoChromium } from './support/browser.ts';
import { allPages, inhabit } from './support/inhabited.ts';

/** Pictures of every page, for people to look at. Not kept in the repository. */
const pictures = join(import.meta.dirname, 'screenshots');
const screens = [
  { screen: 'desktop', width: 1366, narrowest: 1366 },
  { screen: 'phone', width: 390, narrowest: 320 },
] as const;
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
    await page.goto(platform.url + path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForLoadState('load');
    await expect.poll(() => page.getByRole('status', { name: /^Loading/ }).count(), { timeout: 20_000 }).toBe(0);
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
    { timeout: 300_000 },
    async ({ screen, width, narrowest }) => {
      for (const theme of themes) mkdirSync(join(pictures, `${screen}-${theme}`), { recursive: true });
      const { page, complaints } = await openDashboard(browser, platform, { width });
      const failed = watchRequests(page);
      for (const path of pages) {
        await show(page, path);
        for (const theme of themes) {
          await page.emulateMedia({ colorScheme: theme });
          expect(await accessibilityFaults(page), `${path}, ${theme}`).toEqual([]);
          expect(await overflowPx(page), `${path}, ${theme}`).toBeLessThanOrEqual(0);
          await page.screenshot({ path: join(pictures, `${screen}-${theme}`, `${nameOf(path)}.png`), fullPage: true });
        }
        await page.setViewportSize({ width: narrowest, height: 768 });
        expect(await overflowPx(page), path).toBeLessThanOrEqual(0);
        await page.setViewportSize({ width, height: 768 });
        await page.emulateMedia({ colorScheme: 'light' });
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
      expect(await page.evaluate(excess), path).toBeLessThanOrEqual(0);
      const box = await cell.boundingBox();
      expect((box?.x ?? 0) + (box?.width ?? width), path).toBeLessThanOrEqual(width);
      // Laid out as something else, it is a table to those who cannot see it all the same.
      expect(await page.getByRole('cell').count(), path).toBeGreaterThan(0);
    }
    await page.context().close();
  });
});
