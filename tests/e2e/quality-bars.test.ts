import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildStale } from '../../scripts/build.ts';
import { budgets } from '../../scripts/dashboard-budget.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { findChromium, launchChromium } from './support/browser.ts';
import { deployPrinter } from './support/log-traffic.ts';
import { loadPage } from './support/page-load.ts';

const executablePath = findChromium();
const chromiumNeeded = executablePath === undefined ? 'there is no Chromium: scripts/setup_env.sh --tests' : undefined;

/**
 * What the dashboard may cost a browser, in figures that do not depend on how busy the machine is: CPU time, bytes, requests. The times that
 * follow from them are in docs/performance.md (`npm run bench dashboard-pages`).
 */
describe.skipIf(chromiumNeeded !== undefined)(`quality bars of the dashboard${skippedFor(chromiumNeeded)}`, () => {
  let platform: Platform;
  let browser: Browser;

  beforeAll(async () => {
    await buildStale(['guest', 'server', 'dashboard']);
    [platform, browser] = await Promise.all([startPlatform(), launchChromium(executablePath ?? '')]);
    await deployPrinter(platform);
  });

  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  it.each(['/', '/functions', '/functions/printer', '/logs'])(
    'loads %s with little work, few bytes and short chains of requests',
    async (path) => {
      const load = await loadPage(browser, { url: `${platform.url}${path}#token=${platform.token}` });
      expect(load.lcpMs).toBeGreaterThan(0);
      // A quarter of the 2.5 s within which the largest paint is due on a processor that is four times slower.
      expect(load.mainThreadMs).toBeLessThan(2500 / 4);
      expect(load.scriptBytes).toBeLessThanOrEqual(budgets.firstLoad);
      // Document, shell, page, and what the page asks for.
      expect(load.requests.filter(({ depth }) => depth > 4)).toEqual([]);
      expect(load.requests.length).toBeLessThanOrEqual(32);
    },
  );
});
