import type { Browser } from 'playwright-core';
import { startWithBrowser, whyNoChromium } from '../../tests/e2e/support/browser.ts';
import type { Platform } from '../../tests/support/platform.ts';
import { type Row, row } from './numbers.ts';

/** What `measure` finds on a platform of its own with a browser. Without Chromium there is nothing to measure, and `what` says so. */
export async function inBrowser(
  what: string,
  measure: (browser: Browser, platform: Platform) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  if (whyNoChromium !== undefined) return [row(what, whyNoChromium)];
  const { platform, browser } = await startWithBrowser();
  try {
    return await measure(browser, platform);
  } finally {
    await browser.close();
    await platform.dispose();
  }
}
