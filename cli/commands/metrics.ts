import type { Command } from 'commander';
import { type MetricPoint, type Metrics, metricsSchema } from '../../shared/api/metrics.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { bytesText } from '../terminal.ts';
import { timeOf } from './logs.ts';

interface Options {
  readonly since: string;
  readonly until?: string;
  readonly version?: string;
}

/** Wide enough to see a shape, and narrower than a terminal. */
const columns = 60;

export function registerMetrics(program: Command, context: ContextFactory): void {
  program
    .command('metrics')
    .description('calls, failures, latencies, cold starts and memory over a time')
    .argument('[function]', 'its name; all functions when left out')
    .option('--since <time>', 'from: 15m, 2h, 7d, or an RFC 3339 time', '1h')
    .option('--until <time>', 'up to')
    .option('--version <number>', 'of one version alone')
    .action(async (name: string | undefined, options: Options) => await metrics(context(), name, options));
}

async function metrics({ client, terminal }: CliContext, name: string | undefined, options: Options): Promise<void> {
  const found = await client.get('/api/v1/metrics', metricsSchema, {
    function: name,
    from: timeOf(options.since),
    to: timeOf(options.until),
    version: options.version,
  });
  if (terminal.isJson) {
    terminal.json(found);
    return;
  }
  const { total } = found;
  if (total === null) {
    terminal.say(`No calls from ${found.from} to ${found.to}`);
    return;
  }
  terminal.table(
    ['', 'total', `${found.from.slice(0, 16)}Z to ${found.to.slice(0, 16)}Z`],
    rowsOf(total).map(([label, text, read]) => [label, text, sparkline(found, read)]),
  );
}

type Row = readonly [label: string, total: string, read: (point: MetricPoint) => number | null];

/** Whatever the reason: a limit, who called, what was sent, or a function that cannot run now. */
type Refused = Pick<MetricPoint, 'throttles' | 'refusals'>;
const refusedIn = ({ throttles, refusals }: Refused): number => throttles + refusals;

export function refusedText(total: Refused): string {
  const all = String(refusedIn(total));
  return total.throttles > 0 && total.refusals > 0 ? `${all} (${total.throttles} by limits)` : all;
}

function rowsOf(total: MetricPoint): readonly Row[] {
  const ms = (value: number | undefined): string => (value === undefined ? '-' : `${value.toFixed(1)} ms`);
  const share = total.invocations === 0 ? '' : ` (${((100 * total.errors) / total.invocations).toFixed(1)} %)`;
  return [
    ['calls', String(total.invocations), (point) => point.invocations],
    ['failed', `${total.errors}${share}`, (point) => point.errors],
    ['refused', refusedText(total), refusedIn],
    ['cold starts', String(total.coldStarts), (point) => point.coldStarts],
    ['p50', ms(total.totalMs?.p50), (point) => point.totalMs?.p50 ?? null],
    ['p95', ms(total.totalMs?.p95), (point) => point.totalMs?.p95 ?? null],
    ['p99', ms(total.totalMs?.p99), (point) => point.totalMs?.p99 ?? null],
    ['CPU', `${(total.cpuMs / 1000).toFixed(1)} s`, (point) => point.cpuMs],
    ['peak memory', bytesText(total.peakMemoryBytes), (point) => point.peakMemoryBytes],
  ];
}

const bars = '▁▂▃▄▅▆▇█';

/** A bar for each part of the time, the highest value in it; a blank where nothing was measured, as a gap is a gap. */
export function sparkline(
  { from, to, stepMs, points }: Pick<Metrics, 'from' | 'to' | 'stepMs' | 'points'>,
  read: (point: MetricPoint) => number | null,
): string {
  const start = Date.parse(from);
  const steps = Math.max(1, Math.ceil((Date.parse(to) - start) / stepMs));
  const width = Math.min(columns, steps);
  const highest: (number | undefined)[] = Array.from({ length: width });
  for (const point of points) {
    const value = read(point);
    const at = Math.min(
      width - 1,
      Math.max(0, Math.floor((((Date.parse(point.at) - start) / stepMs) * width) / steps)),
    );
    if (value !== null) highest[at] = Math.max(highest[at] ?? 0, value);
  }
  const most = Math.max(0, ...highest.filter((value) => value !== undefined));
  const barOf = (value: number): string => bars[most === 0 ? 0 : Math.round((value / most) * (bars.length - 1))] ?? '';
  return highest.map((value) => (value === undefined ? ' ' : barOf(value))).join('');
}
