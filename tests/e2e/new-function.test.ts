import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { toEngineEndpoint } from '../../backend/execution-engine/drivers/docker/engine/endpoint.ts';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';
import { versionFilesSchema, versionSchema } from '../../shared/api/functions.ts';
import { poolsSchema, systemSchema } from '../../shared/api/system.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';
import type { Platform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { compileStatic, imageArchive, makeTestImage, whyNoStaticPrograms } from '../support/test-image.ts';
import {
  accessibilityFaults,
  expectFine,
  openDashboard,
  overflowPx,
  startWithBrowser,
  whyNoChromium,
} from './support/browser.ts';

/** How long a state that comes by itself may take on a busy machine. */
const patience = { timeout: 20_000 };
const dockerHost = process.env['DOCKER_HOST'] ?? '';
const noPrograms = whyNoStaticPrograms();
const noImages = (await whyNoEngine(dockerHost)) ?? noPrograms;

const shellScript = '#!/bin/sh\nexec sleep 1\n';

/** Functions that are no source files: programs of any language, and container images. */
describe.skipIf(whyNoChromium !== undefined)(`a new function${skippedFor(whyNoChromium)}`, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    const environment = noImages === undefined ? { HEARTH_DOCKER_HOST: dockerHost } : {};
    ({ platform, browser } = await startWithBrowser({ environment }));
    ({ page, complaints } = await openDashboard(browser, platform));
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.dispose();
  });
  afterEach(() => {
    expect(complaints.splice(0)).toEqual([]);
  });

  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const choose = async (template: string) => {
    await page.goto(`${platform.url}/functions/new`);
    await page.getByRole('button', { name: new RegExp(`^${template}`) }).click();
  };
  const deploy = async (name: string) => {
    await page.getByLabel('Name', { exact: true }).fill(name);
    await button('Deploy').click();
    await page.waitForURL(`**/functions/${name}/code**`);
  };
  const run = async () => {
    await button('Run').click();
    await page.getByRole('tab', { name: 'Result' }).waitFor();
  };
  const configOf = async (name: string, version: number) => {
    const answer = await platform.api('GET', `/api/v1/functions/${name}/versions/${version}`);
    return versionSchema.parse(await answer.json()).config;
  };

  it('finds, replaces and goes to a line by keyboard, and gives the focus back to the code', async () => {
    await choose('Any language');
    const editor = page.getByRole('textbox', { name: /Source of bootstrap/ });
    const panel = page.getByRole('search', { name: 'Search in the code' });
    const found = () => panel.getByRole('status').textContent();
    const isInCode = () => page.evaluate('document.activeElement.matches(".cm-content[aria-label^=Source]")');
    await editor.press('ControlOrMeta+a');
    await page.keyboard.insertText('one\ntwo One\nones / two\n');
    await editor.press('ControlOrMeta+f');
    const find = panel.getByRole('textbox', { name: 'Find' });
    // In it, keys of the page are letters.
    await find.fill('');
    await page.keyboard.type('t/?');
    await expect.poll(() => find.inputValue(), patience).toBe('t/?');
    await find.fill('one');
    await expect.poll(found, patience).toBe('3 found');
    await page.keyboard.press('Enter');
    await expect.poll(found, patience).toBe('1 of 3');
    await page.keyboard.press('Shift+F3');
    await expect.poll(found, patience).toBe('3 of 3');
    await panel.getByRole('button', { name: 'Match case' }).click();
    await expect.poll(found, patience).toMatch(/of 2$/);
    await panel.getByRole('button', { name: 'Whole words' }).click();
    await panel.getByRole('textbox', { name: 'Replace with' }).fill('three');
    await expectFine(page, [['dark', 320]]);
    await panel.getByRole('button', { name: 'Replace all' }).click();
    await expect.poll(() => editor.innerText(), patience).toMatch(/^three\s+two One\s+ones/);
    await panel.getByRole('textbox', { name: 'Replace with' }).press('Escape');
    await expect.poll(() => panel.count(), patience).toBe(0);
    await expect.poll(isInCode, patience).toBe(true);
    await editor.press('Alt+g');
    await page.getByLabel('Go to line').fill('3');
    await page.keyboard.press('Enter');
    await expect.poll(isInCode, patience).toBe(true);
    await expect.poll(() => page.locator('.cm-activeLine').first().textContent(), patience).toBe('ones / two');
  });

  it('is a script of any language', async () => {
    await choose('Any language');
    await page.getByRole('textbox', { name: /Source of bootstrap/ }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await deploy('script');
    await run();
    await page.getByText('"youSent"').first().waitFor();
    await page.getByRole('tab', { name: /^Logs \(1/ }).waitFor();
    expect(await configOf('script', 1)).toMatchObject({ runtime: 'custom', handler: 'bootstrap' });
  });

  it.skipIf(noPrograms !== undefined)(`is a program from somebody's disk${skippedFor(noPrograms)}`, async () => {
    await choose('Any language');
    const buffer = compileStatic('custom/bootstrap.c');
    const program = page.getByLabel('Program (optional)');
    await program.setInputFiles({ name: 'echo-server', mimeType: 'application/octet-stream', buffer });
    await page.getByText('echo-server').waitFor();
    await expect.poll(() => page.getByRole('textbox', { name: /Source of bootstrap/ }).count()).toBe(0);
    await deploy('program');
    await run();
    await page.getByText('"Ada"').first().waitFor();
    await page.getByText('1 file is binary or too large to be shown').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);

    const script = { name: 'sayer', mimeType: 'application/octet-stream', buffer: Buffer.from(shellScript) };
    await page.getByLabel('Another program').setInputFiles(script);
    await page.getByText('sayer').first().waitFor();
    await button('Deploy new version').click();
    await page.getByText('Version 2 is live').waitFor();
    await page.getByRole('textbox', { name: /Source of bootstrap/ }).waitFor();
    const answer = await platform.api('GET', '/api/v1/functions/program/versions/2/files');
    const { files } = versionFilesSchema.parse(await answer.json());
    expect(files.map(({ path, text }) => [path, text])).toEqual([['bootstrap', shellScript]]);
    expect(await configOf('program', 2)).toMatchObject({ runtime: 'custom', handler: 'bootstrap' });
  });

  it('refuses a program that is too large for a browser, and an image without a name', async () => {
    await choose('Any language');
    const buffer = Buffer.alloc(11 * 1024 * 1024 + 1);
    await page.getByLabel('Program (optional)').setInputFiles({ name: 'huge', mimeType: 'x/y', buffer });
    await page.getByText(/^huge is larger than 11 MiB/).waitFor();
    await choose('Container image');
    await button('Deploy').click();
    await page.getByRole('alert').getByText('Image: The name of an image').waitFor();
    expect(new URL(page.url()).pathname).toBe('/functions/new');
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.setViewportSize({ width: 320, height: 768 });
    expect(await overflowPx(page)).toBeLessThanOrEqual(0);
    await page.setViewportSize({ width: 1366, height: 768 });
  });

  it('measures on demand what an isolation level costs, and leaves nothing of that behind', async () => {
    await page.goto(`${platform.url}/functions/new`);
    await page.getByRole('heading', { name: 'Isolation' }).click();
    await page.getByText('What each level costs').click();
    const before = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
    await page.getByRole('button', { name: /^Measure (here|again): process$/ }).click();
    await page.getByText('process was measured on this machine').waitFor();
    const { drivers } = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
    const callsOf = (system: typeof drivers) => system.find(({ name }) => name === 'process')?.measured?.warmCalls ?? 0;
    expect(callsOf(drivers) - callsOf(before.drivers)).toBeGreaterThanOrEqual(10);
    const measured = drivers.find(({ name }) => name === 'process')?.measured;
    expect(measured?.booted?.count).toBeGreaterThan(0);
    expect(measured?.idleMemoryBytes).toBeGreaterThan(0);
    const pooled = async () => {
      const { pools } = poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
      return pools.map(({ functionName }) => functionName);
    };
    await expect.poll(pooled).not.toContain('echo');
    const missing = drivers.find(({ status }) => status !== 'healthy');
    if (missing === undefined) return;
    const refused = await platform.api('POST', `/api/v1/system/drivers/${missing.name}/measurement`);
    expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining('isolation_unavailable')]);
    expect(await page.getByRole('button', { name: `: ${missing.name}` }).count()).toBe(0);
  });

  const canRun = noImages === undefined ? 'containers run here' : undefined;
  it.skipIf(canRun !== undefined)(
    `says why container images do not run here, and what helps${skippedFor(canRun)}`,
    async () => {
      await choose('Container image');
      await page.getByText('Container images do not run on this machine yet').waitFor();
      await page.getByLabel('Image', { exact: true }).fill('team/web:1');
      await button('Deploy').click();
      await page.getByRole('alert').getByText('isolation_unavailable').waitFor();
    },
  );

  it.skipIf(noImages !== undefined)(`is a container image${skippedFor(noImages)}`, async () => {
    const engine = new EngineClient({ endpoint: toEngineEndpoint(dockerHost) });
    const tag = 'hearth-test/dashboard:1';
    const bytes = compileStatic('custom/bootstrap.c');
    const entries = [{ kind: 'bytes' as const, path: 'bootstrap', mode: 0o755, bytes }];
    await engine.loadImage(imageArchive(await makeTestImage({ entries, config: { Cmd: ['/bootstrap'] } }), tag));
    try {
      await platform.api('PUT', '/api/v1/secrets/REGISTRY', { value: 'user:password' });
      await choose('Container image');
      await page.getByLabel('Image', { exact: true }).fill(tag);
      await page.getByLabel('How it is called').selectOption('lambda');
      await page.getByLabel('Registry credentials').selectOption('REGISTRY');
      await deploy('image');
      await page.getByText('A local image: only the daemon here has it').waitFor();
      await run();
      await page.getByText('"Ada"').first().waitFor();
      expect(await accessibilityFaults(page)).toEqual([]);
      const image = { reference: tag, protocol: 'lambda', pull: 'missing', pullSecret: 'REGISTRY' };
      expect(await configOf('image', 1)).toMatchObject({ runtime: 'image', isolation: 'docker', image });

      await page.getByRole('link', { name: 'Settings', exact: true }).last().click();
      await page.getByLabel('Registry credentials').selectOption('');
      await button('Save as new version').click();
      await page.getByText('Version 2 is live').waitFor();
      expect((await configOf('image', 2)).image).toMatchObject({ ...image, pullSecret: null });
    } finally {
      await platform.api('DELETE', '/api/v1/functions/image');
      await engine.removeImage(tag).catch(() => undefined);
      engine.close();
    }
  });

  it('answers HTTP, and is tested with whole requests, which are shared without credentials', async () => {
    const code = `export default {
      async fetch(request) {
        if (request.url.endsWith('/bytes')) return new Response(new Uint8Array([137, 80, 0, 255]));
        return Response.json({ got: request.method + ' ' + (await request.text()) }, { status: 201 });
      },
    };`;
    const routes = [{ path: '/orders/:id', methods: ['PUT'] }];
    const body = { name: 'orders', files: { 'index.mjs': code }, routes };
    expect((await platform.api('POST', '/api/v1/functions', body)).status).toBe(201);
    await page.goto(`${platform.url}/functions/orders/code`);
    const path = page.getByLabel('Path with its query');
    expect(await path.inputValue()).toBe('/orders/:id');
    await path.fill('/orders/7?a=b');
    for (const text of ['te', 'trailers', 'authorization', 'Bearer abc']) {
      if (text === 'te' || text === 'authorization') await button('Add header').press('Enter');
      await page.keyboard.type(text);
      await page.keyboard.press('Tab');
    }
    await page.getByText('te belongs to one connection').first().waitFor();
    await button('Remove header te').press('Enter');
    await page.getByRole('textbox', { name: /Body of the request/ }).click();
    await page.keyboard.insertText('{ "n": 1.10 }');
    await page.keyboard.press('ControlOrMeta+Enter');
    const response = page.getByRole('region', { name: 'Response', exact: true });
    await response.getByText('HTTP 201').waitFor();
    await response.getByText('PUT { \\"n\\": 1.10 }').waitFor();
    await button('Save this request').click();
    await page.getByLabel('Who sees it').selectOption('Shared with the project');
    await page.getByText('authorization may hold credentials').waitFor();
    await expectFine(page, [
      ['light', 1280],
      ['dark', 390],
    ]);
    await page.getByLabel('Name of the request').fill('one');
    await page.keyboard.press('Enter');
    const kept = async () => (await platform.api('GET', '/api/v1/functions/orders/test-events/shared/one')).text();
    await expect.poll(kept).toBe('{"method":"PUT","target":"/orders/7?a=b","headers":[]}\n{ "n": 1.10 }');
    await path.fill('/orders/bytes');
    await button('Send').click();
    await response.getByRole('button', { name: 'Download 4 B' }).waitFor();
    await page.getByLabel('Saved requests').selectOption('');
    await page.getByLabel('Saved requests').selectOption('one · shared');
    await expect.poll(() => path.inputValue()).toBe('/orders/7?a=b');
    await button('Event').click();
    expect(await page.getByLabel('Saved events').locator('option').allTextContents()).toEqual(['No saved events']);
  });
});
