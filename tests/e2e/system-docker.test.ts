import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemSchema } from '../../shared/api/system.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { openDashboard, startWithBrowser, whyNoChromium } from './support/browser.ts';

const dockerHost = process.env['DOCKER_HOST'] ?? '';
const reason = whyNoChromium ?? (await whyNoEngine(dockerHost));

describe.skipIf(reason !== undefined)(`the System page with a Docker daemon${skippedFor(reason)}`, () => {
  let platform: Platform;
  let browser: Browser;
  beforeAll(async () => {
    ({ platform, browser } = await startWithBrowser({ environment: { HEARTH_DOCKER_HOST: dockerHost } }));
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });

  it('shows its health, both versions, and images with name, digest and size', async () => {
    const system = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
    // The self-test has made at least the image of its own container.
    expect(system.images?.length).toBeGreaterThan(0);
    const { page } = await openDashboard(browser, platform);
    await page.goto(`${platform.url}/system`);
    const entry = page.getByRole('listitem').filter({ has: page.getByText('docker', { exact: true }) });
    await entry.getByText('healthy').waitFor();
    await entry.getByText(/\d+\.\d+.*, API 1\.\d+/).waitFor();
    for (const { reference, digest } of system.images ?? []) {
      const row = page.getByRole('row').filter({ hasText: reference });
      await row.getByText(digest.replace('sha256:', '').slice(0, 12)).first().waitFor();
      await row
        .getByText(/\d MiB$/)
        .first()
        .waitFor();
    }
  });
});
