import type { Browser, CDPSession, Page } from 'playwright-core';

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** When it began, and how long a complete event took, microseconds on the clock. */
  readonly ts: number;
  readonly dur?: number;
  /** Thread CPU time of a complete event, microseconds. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/**
 * CPU time in ms of every task of the page's main thread while `run` runs; of those from the first paint on where `isFromPaint` is set. CPU time
 * and not time on the clock: a busy machine makes no task longer. Without `page` all pages of the browser count.
 */
export async function mainThreadTasks(
  browser: Browser,
  page: Page | undefined,
  run: () => Promise<void>,
  { isFromPaint = false } = {},
): Promise<readonly number[]> {
  await browser.startTracing(page, {
    categories: ['toplevel', 'loading', 'disabled-by-default-devtools.timeline', 'devtools.timeline'],
  });
  let trace: Buffer | undefined;
  try {
    await run();
  } finally {
    trace = await browser.stopTracing();
  }
  const { traceEvents } = JSON.parse(trace.toString()) as { readonly traceEvents: readonly TraceEvent[] };
  const isMain = mainThreadsOf(traceEvents);
  const paint = isFromPaint ? traceEvents.find(({ name }) => name === 'firstContentfulPaint')?.ts : 0;
  if (paint === undefined) throw new Error('the trace has no first paint');
  const tasks = traceEvents.filter(
    ({ name, tdur, pid, tid, ts, dur = 0 }) =>
      name === 'RunTask' && tdur !== undefined && isMain(pid, tid) && ts + dur > paint,
  );
  if (tasks.length === 0) throw new Error('the trace has no tasks of a main thread');
  return tasks.map(({ tdur = 0 }) => tdur / 1000);
}

/** Pages' main threads are named CrRendererMain. */
function mainThreadsOf(events: readonly TraceEvent[]): (pid: number, tid: number) => boolean {
  const named = events.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  const keys = new Set(named.map(({ pid, tid }) => `${pid} ${tid}`));
  return (pid, tid) => keys.has(`${pid} ${tid}`);
}

/** Bytes of JavaScript that the page holds once everything that can be freed is. */
export async function heapBytes(session: CDPSession): Promise<number> {
  // Twice: the first collection runs finalisers, whose objects are free after it.
  for (let i = 0; i < 2; i++) await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

/** CPU time of the page's main thread so far, ms, from the first call of this on. */
export async function mainThreadMs(session: CDPSession): Promise<number> {
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const { metrics } = await session.send('Performance.getMetrics');
  return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN);
}

/** Where the list of log lines is scrolled to, from 0 to 1. As text: the project's types for Node.js know no `document`. */
export const logsAt = (share: number): string => `{
  const area = document.querySelector('[role=log]');
  area.scrollTop = area.scrollHeight * ${share};
}`;

/** Scrolls through the list of log lines from its beginning to its end, a step a frame. */
export async function scrollLogs(page: Page, steps: number): Promise<void> {
  for (let step = 0; step <= steps; step++) {
    await page.evaluate(logsAt(step / steps));
    await page.evaluate('new Promise((done) => requestAnimationFrame(done))');
  }
}

/** Frames a second that the page shows in `ms`, while `step`, a statement in it, is run before each. */
export async function framesPerSecond(page: Page, ms: number, step: string): Promise<number> {
  return await page.evaluate(`new Promise((done) => {
    const began = performance.now();
    let frames = 0;
    const draw = () => {
      const passed = performance.now() - began;
      if (passed >= ${ms}) return done((frames * 1000) / passed);
      frames++;
      ${step};
      requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
  })`);
}

/** For `framesPerSecond`: moves the list of log lines on by so many pixels, from its beginning again once it is at its end. */
export const scrollLogsBy = (px: number): string => `{
  const area = document.querySelector('[role=log]');
  const isAtEnd = area.scrollTop + area.clientHeight >= area.scrollHeight - 1;
  area.scrollTop = isAtEnd ? 0 : area.scrollTop + ${px};
}`;
