import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { openDashboard, startWithBrowser, whyNoChromium, zoomInto } from './support/browser.ts';
import { inhabit } from './support/inhabited.ts';

const pages = ['/?range=15m', '/functions/shop?range=15m', '/system?range=15m'] as const;

/** To be run in a page before anything else: counts in `drawings` how often a chart is drawn, each of which begins with an empty canvas. */
const countDrawings = `{
  const { clearRect } = CanvasRenderingContext2D.prototype;
  globalThis.drawings = 0;
  CanvasRenderingContext2D.prototype.clearRect = function (...area) {
    globalThis.drawings++;
    return clearRect.apply(this, area);
  };
}`;

/** What holds for every chart of every page that has some. */
describe.skipIf(whyNoChromium !== undefined)(`charts${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser());
    await inhabit(platform);
    ({ page, complaints } = await openDashboard(browser, platform));
    await page.addInitScript(countDrawings);
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  const charts = () => page.getByRole('img', { name: /^Chart: / });
  /** Goes there and waits until all charts are drawn; returns their titles. */
  async function show(path: string): Promise<readonly string[]> {
    await page.goto(platform.url + path);
    await charts().first().waitFor();
    return await eventually(async () => {
      const titles = await page
        .getByRole('button', { name: /^View .* as table$/ })
        .evaluateAll((buttons) =>
          buttons.map((button) => /^View (.*) as table$/.exec(button.getAttribute('aria-label') ?? '')?.[1] ?? ''),
        );
      expect(titles.length).toBeGreaterThanOrEqual(6);
      expect(await page.getByRole('status', { name: /^Loading/ }).count()).toBe(0);
      expect(await charts().count()).toBe(titles.length);
      return titles;
    });
  }

  it.each(pages)('can be seen as a table, and saved as CSV: %s', async (path) => {
    const titles = await show(path);
    for (const [index, title] of titles.entries()) {
      // Chromium asks before a page saves more than ten files in a row.
      if (index > 0 && index % 8 === 0) await show(path);
      const save = page.getByRole('button', { name: `Save ${title} as CSV` });
      await expect.poll(() => save.getAttribute('aria-disabled')).not.toBe('true');
      const saved = page.waitForEvent('download');
      // By keyboard: what is loaded later moves what is below it away from a pointer.
      await save.press('Enter');
      expect((await saved).suggestedFilename()).toBe(`${title.toLowerCase().replaceAll(' ', '-')}.csv`);
      await page.getByRole('button', { name: `View ${title} as table` }).press('Enter');
      await page
        .getByRole('region', { name: `${title} as a table` })
        .getByRole('cell')
        .first()
        .waitFor();
      // A column for each bucket of the heat map.
      const bucket = page.getByRole('columnheader', { name: /^\S+ m?s – \S+ m?s$/ }).first();
      if (title === 'Durations') await bucket.waitFor();
    }
    if (path.startsWith('/functions')) {
      // A scale in powers of ten.
      await page.getByRole('button', { name: 'Logarithmic scale of Latency' }).click();
      await page.getByRole('button', { name: 'Logarithmic scale of Latency', pressed: true }).waitFor();
    }
    expect(complaints).toEqual([]);
  });

  it.each(pages)('share one crosshair, and zoom together by what is dragged: %s', async (path) => {
    const titles = await show(path);
    /** Where the first chart is now, in view: what comes late to the page above it moves it. */
    const place = async () => {
      await charts().first().scrollIntoViewIfNeeded();
      const box = await charts().first().boundingBox();
      if (box === null) throw new Error('the chart has no place');
      // Now is at the right end: there are calls, and the charts of the host have begun.
      return { right: box.x + box.width - 10, y: box.y + 60 };
    };
    for (const title of titles) {
      const card = page.locator('section').filter({ has: page.getByRole('heading', { name: title, exact: true }) });
      const time = card.getByText(/^\d\d:\d\d:\d\d/).first();
      // A chart that is drawn anew with newer numbers has no crosshair until the next move.
      await eventually(async () => {
        const { right, y } = await place();
        await page.mouse.move(right - 20, y);
        await page.mouse.move(right, y);
        await time.waitFor({ timeout: 2000 });
      });
    }
    await zoomInto(page, charts().first(), [0.98, 0.5]);
    expect(complaints).toEqual([]);
  });

  it('are drawn for their numbers, and not for the crosshair', async () => {
    const now = Date.now();
    const titles = await show(`/?range=${now - 600_000}-${now}`);
    const drawings = () => page.evaluate('globalThis.drawings') as Promise<number>;
    const time = page
      .locator('section')
      .filter({ has: charts().first() })
      .getByText(/^\d\d:\d\d:\d\d/);
    // Numbers that come last are drawn meanwhile; then nothing is left to draw.
    await eventually(async () => {
      const box = await charts().first().boundingBox();
      if (box === null) throw new Error('the chart has no place');
      const before = await drawings();
      expect(before).toBeGreaterThanOrEqual(titles.length);
      await page.mouse.move(box.x + 150, box.y + 60);
      await page.mouse.move(box.x + 250, box.y + 70, { steps: 5 });
      await time.first().waitFor({ timeout: 2000 });
      expect(await drawings()).toBe(before);
    });
  });
});
