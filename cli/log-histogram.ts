import type { LogHistogram } from '../shared/api/log-histogram.ts';
import type { Terminal } from './terminal.ts';

const barWidth = 40;

/** How many lines there were over time: the answer as it is where JSON is asked for, else a bar and the counts for each step. */
export function printHistogram(terminal: Terminal, histogram: LogHistogram): void {
  const { stepMs, complete, countedFrom } = histogram;
  if (terminal.isJson) {
    terminal.json(histogram);
    return;
  }
  if (!complete) {
    terminal.say(terminal.style('yellow', `counted since ${countedFrom}: there are more lines than are looked at`));
  }
  const steps = new Map(histogram.steps.map((step) => [Date.parse(step.at), step]));
  const rows: { readonly at: number; readonly total: number; readonly warn: number; readonly error: number }[] = [];
  for (let at = Date.parse(histogram.from); at < Date.parse(histogram.to); at += stepMs) {
    const { debug = 0, info = 0, warn = 0, error = 0 } = steps.get(at) ?? {};
    rows.push({ at, total: debug + info + warn + error, warn, error });
  }
  const most = Math.max(1, ...rows.map(({ total }) => total));
  terminal.table(
    ['time', 'lines', 'warn', 'error', ''],
    rows.map(({ at, total, warn, error }) => [
      new Date(at).toISOString().slice(0, 19),
      String(total),
      String(warn),
      String(error),
      '█'.repeat(total === 0 ? 0 : Math.max(1, Math.round((total / most) * barWidth))),
    ]),
  );
}
