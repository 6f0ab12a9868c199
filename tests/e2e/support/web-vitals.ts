import type { Page } from 'playwright-core';

/** What a browser measured of a page since it was opened. All times in ms since the visit began. */
export interface WebVitals {
  readonly firstPaintMs: number;
  /** Largest contentful paint. */
  readonly largestPaintMs: number;
  /** Tasks of the main thread of 50 ms and more, on the clock. */
  readonly longTasks: readonly { readonly at: number; readonly ms: number }[];
  /** What moved by itself: its score, and what it was, for people. */
  readonly shifts: readonly { readonly score: number; readonly what: string }[];
  /** How long each key, click or tap took until the next frame showed what came of it; what took less than 16 ms is left out. */
  readonly interactions: readonly { readonly id: number; readonly ms: number }[];
}

/** To be run in a page before anything else, as `web-vitals` does it. As text: the project's types for Node.js know no `document`. */
const observe = `{
  const vitals = { firstPaintMs: 0, largestPaintMs: 0, longTasks: [], shifts: [], interactions: [] };
  const watch = (type, take, options) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...options });
  const nameOf = ({ node }) =>
    node === null ? 'what is gone' : (node.parentElement ?? node).tagName + ' ' + (node.textContent ?? '').trim().slice(0, 40);
  watch('paint', ({ name, startTime }) => {
    if (name === 'first-contentful-paint') vitals.firstPaintMs = startTime;
  });
  watch('largest-contentful-paint', ({ startTime }) => {
    vitals.largestPaintMs = startTime;
  });
  watch('longtask', ({ startTime, duration }) => vitals.longTasks.push({ at: startTime, ms: duration }));
  watch('layout-shift', ({ value, hadRecentInput, sources }) => {
    if (!hadRecentInput) vitals.shifts.push({ score: value, what: sources.map(nameOf).join(', ') });
  });
  watch('event', ({ interactionId, duration }) => {
    if (interactionId > 0) vitals.interactions.push({ id: interactionId, ms: duration });
  }, { durationThreshold: 16 });
  globalThis.vitals = vitals;
}`;

/** Lets `page` measure every document that it opens from now on. */
export async function observeVitals(page: Page): Promise<void> {
  await page.addInitScript(observe);
}

/** What was measured of the document that is open, up to the frame that is shown now. */
export async function vitalsOf(page: Page): Promise<WebVitals> {
  // Observers hear of a frame after it was shown.
  const frames = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))';
  return await page.evaluate(`${frames}.then(() => globalThis.vitals)`);
}

/** Total blocking time: what tasks took beyond 50 ms each, from the first paint on. */
export function blockingMs({ firstPaintMs, longTasks }: WebVitals): number {
  const late = longTasks.filter(({ at, ms }) => at + ms > firstPaintMs);
  return late.reduce((sum, { at, ms }) => sum + Math.max(0, Math.min(ms, at + ms - firstPaintMs) - 50), 0);
}

/** Cumulative layout shift, of all of the visit: no less than the largest of the windows of five seconds that the metric is defined by. */
export const shiftScore = ({ shifts }: WebVitals): number => shifts.reduce((sum, { score }) => sum + score, 0);
