import type { Browser, CDPSession, Page } from 'playwright-core';
import { mainThreadMs } from './main-thread.ts';
import { observeVitals, vitalsOf, type WebVitals } from './web-vitals.ts';

export interface PageLoadOptions {
  readonly url: string;
  /** How many times slower the processor seems than it is. 1 when left out. */
  readonly slowdown?: number;
  /** Bits per second of the connection, both ways; as fast as it is when left out. */
  readonly bitsPerSecond?: number;
}

/** What the first visit to a page cost, with nothing in the browser's cache. */
export interface PageLoad {
  readonly vitals: WebVitals;
  /** CPU time of the page's main thread until it was quiet, ms: however busy the machine is. */
  readonly mainThreadMs: number;
  /** Bytes on the wire of scripts, and of everything, without streams. */
  readonly scriptBytes: number;
  readonly bytes: number;
  readonly requests: readonly LoadedRequest[];
}

interface LoadedRequest {
  readonly path: string;
  /** 1 for the document; one more than that of the request whose answer asked for it. */
  readonly depth: number;
}

/** Visits `url` in a new browser profile and waits until its headings, lists and charts are there. Rejects when the page does not get that far. */
export async function loadPage(
  browser: Browser,
  { url, slowdown = 1, bitsPerSecond }: PageLoadOptions,
): Promise<PageLoad> {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 } });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    const session = await context.newCDPSession(page);
    const network = await watchNetwork(session);
    await mainThreadMs(session);
    if (slowdown !== 1) await session.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
    if (bitsPerSecond !== undefined) {
      const throughput = bitsPerSecond / 8;
      const link = { offline: false, latency: 40, downloadThroughput: throughput, uploadThroughput: throughput };
      await session.send('Network.emulateNetworkConditions', link);
    }
    await observeVitals(page);
    await page.goto(url);
    await settled(page);
    const workMs = await mainThreadMs(session);
    const vitals = await vitalsOf(page);
    return { vitals, mainThreadMs: workMs, ...network() };
  } finally {
    await context.close();
  }
}

/** Until nothing says that it loads, and the page has painted that. */
export async function settled(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor();
  const open = page.locator('[role=status][aria-label^=Loading], [role=img][aria-label^=Chart]:not(:has(canvas))');
  // The page's policy forbids functions made of text, which waiting inside the page would need.
  while ((await open.count()) > 0) await open.first().waitFor({ state: 'detached' });
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
}

/**
 * Counts what is requested. A request follows from what its initiator names: the document, or scripts on the stack. Chromium names none for
 * `import()`; those follow from the deepest script that had arrived.
 */
async function watchNetwork(session: CDPSession): Promise<() => Pick<PageLoad, 'scriptBytes' | 'bytes' | 'requests'>> {
  const byUrl = new Map<string, LoadedRequest>();
  const byId = new Map<string, { readonly depth: number; readonly isScript: boolean }>();
  const sum = { scriptBytes: 0, bytes: 0 };
  let arrivedDepth = 0;
  session.on('Network.requestWillBeSent', ({ requestId, request, initiator, type }) => {
    const frames = [initiator.stack, initiator.stack?.parent].flatMap((stack) => stack?.callFrames ?? []);
    const causes = [initiator.url, ...frames.map((frame) => frame.url)].map((url) => byUrl.get(url ?? '')?.depth);
    const known = causes.filter((depth) => depth !== undefined);
    const depth = 1 + (known.length > 0 ? Math.max(...known) : arrivedDepth);
    byId.set(requestId, { depth, isScript: type === 'Script' });
    // What is asked for again is not deeper than it was.
    const url = new URL(request.url);
    if (!byUrl.has(request.url)) byUrl.set(request.url, { path: url.pathname + url.search, depth });
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const finished = byId.get(requestId);
    sum.bytes += encodedDataLength;
    if (finished?.isScript !== true) return;
    sum.scriptBytes += encodedDataLength;
    arrivedDepth = Math.max(arrivedDepth, finished.depth);
  });
  await session.send('Network.enable');
  return () => ({ ...sum, requests: [...byUrl.values()] });
}
