import type { Command } from 'commander';
import { type LogLine, logLineSchema, logPageSchema } from '../../shared/api/invocations.ts';
import { logHistogramSchema } from '../../shared/api/log-histogram.ts';
import { dayMs, hourMs, minuteMs, secondMs } from '../../shared/durations.ts';
import { parseLogFilter } from '../../shared/log-filter.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { followEvents } from '../follow-events.ts';
import { printHistogram } from '../log-histogram.ts';
import { printLogLine } from '../log-lines.ts';

interface Options {
  readonly follow?: boolean;
  readonly level?: string;
  readonly search?: string;
  readonly filter?: string;
  readonly invocation?: string;
  readonly since?: string;
  readonly until?: string;
  readonly lines: string;
  readonly histogram?: boolean;
}

export function registerLogs(program: Command, context: ContextFactory): void {
  program
    .command('logs')
    .description('what functions printed')
    .argument('[function]', 'its name; all functions when left out')
    .option('-f, --follow', 'stay and print lines as they come')
    .option('-l, --level <level>', 'this level and above: debug, info, warn, error')
    .option('-s, --search <text>', 'only lines with this text')
    .option('--filter <terms>', 'for example \'level:error fn:api status:>=500 "text" -noise\'; docs/logs.md')
    .option('--invocation <id>', 'only of one invocation')
    .option('--since <time>', 'from: 15m, 2h, 3d, or an RFC 3339 time')
    .option('--until <time>', 'up to')
    .option('--histogram', 'how many lines there are over time, by level, instead of the lines')
    .option('-n, --lines <count>', 'how many lines back', '50')
    .action(async (name: string | undefined, options: Options) => await logs(context(), name, options));
}

async function logs(context: CliContext, name: string | undefined, options: Options): Promise<void> {
  const path = name === undefined ? '/api/v1/logs' : `${functionPath(name)}/logs`;
  checkFilter(options);
  const filter = {
    level: options.level,
    search: options.search,
    filter: options.filter,
    invocation: options.invocation,
  };
  if (options.histogram === true) return await histogram(context, path, options, filter);
  const lines = await find(context, path, options, filter);
  for (const line of lines) print(context, line, name === undefined);
  if (options.follow === true)
    await follow(context, { path, filter, hasFunction: name === undefined, lastId: lines.at(-1)?.id });
}

/** Prints the lines of a function as they come, beginning now. Ends with Ctrl-C, or when the platform refuses. */
export async function followLogs(
  context: CliContext,
  name: string,
  filter: Readonly<Record<string, string>>,
): Promise<void> {
  const path = `${functionPath(name)}/logs`;
  const { items } = await context.client.get(path, logPageSchema, { ...filter, limit: '1' });
  await follow(context, { path, filter, hasFunction: false, lastId: items.at(-1)?.id });
}

/** As many steps as fit on a screen. */
const histogramSteps = '24';

async function histogram(
  context: CliContext,
  path: string,
  options: Options,
  filter: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  if (options.follow === true) throw new CliError(exitCodes.usage, '--histogram and --follow do not go together');
  const times = { since: timeOf(options.since), until: timeOf(options.until) };
  const found = await context.client.get(`${path}/histogram`, logHistogramSchema, {
    ...filter,
    ...times,
    steps: histogramSteps,
  });
  printHistogram(context.terminal, found);
}

/** The platform looks at so many lines at a time: asks on until there are as many as were wanted, or no more. */
async function find(
  context: CliContext,
  path: string,
  options: Options,
  filter: Readonly<Record<string, string | undefined>>,
): Promise<readonly LogLine[]> {
  const times = { since: timeOf(options.since), until: timeOf(options.until) };
  const isFromEnd = times.since === undefined;
  const found: LogLine[] = [];
  let goOn: Readonly<Record<string, string>> = {};
  for (;;) {
    // The platform says what is wrong with a number that is none.
    const limit = found.length === 0 ? options.lines : String(Number(options.lines) - found.length);
    const page = await context.client.get(path, logPageSchema, { ...filter, ...times, ...goOn, limit });
    if (isFromEnd) found.unshift(...page.items);
    else found.push(...page.items);
    if (found.length >= Number(options.lines)) return found;
    if (page.before !== null) goOn = { before: page.before };
    else if (page.nextCursor !== null) goOn = { cursor: page.nextCursor };
    else return found;
  }
}

/** Says what is wrong before anything is asked. */
function checkFilter({ filter, follow: isFollowing }: Options): void {
  if (filter === undefined) return;
  const parsed = parseLogFilter(filter);
  if (!parsed.isValid) throw new CliError(exitCodes.usage, `--filter: ${parsed.message}`);
  if (parsed.terms.status === undefined || isFollowing !== true) return;
  throw new CliError(exitCodes.usage, '--filter: status: is known when a call is over, so it cannot be followed', {
    hint: 'Leave out --follow, or choose with level:error instead.',
  });
}

function print(context: CliContext, line: LogLine, hasFunction: boolean): void {
  if (context.terminal.isJson) context.terminal.print(JSON.stringify(line));
  else context.terminal.print(printLogLine(context.terminal, line, hasFunction));
}

interface Following {
  readonly path: string;
  readonly filter: Readonly<Record<string, string | undefined>>;
  readonly hasFunction: boolean;
  readonly lastId: string | undefined;
}

/** Goes on after the last line that was printed. Ends with Ctrl-C, or when the platform refuses. */
async function follow(context: CliContext, { path, filter, hasFunction, lastId }: Following): Promise<void> {
  try {
    for await (const { event, data } of followEvents(context, path, { query: filter, lastId })) {
      if (event === 'skipped') context.terminal.say(context.terminal.style('yellow', `… lines skipped: ${data}`));
      const parsed = event === 'log' ? logLineSchema.safeParse(JSON.parse(data)) : undefined;
      if (parsed?.success === true) print(context, parsed.data, hasFunction);
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
}

const units: Readonly<Record<string, number>> = { s: secondMs, m: minuteMs, h: hourMs, d: dayMs };

/** Milliseconds of `15m`, `2h`, `3d`; undefined when it is none. */
export function durationOf(text: string): number | undefined {
  const match = /^(\d+)([smhd])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (units[match[2] ?? 's'] ?? 1000);
}

/** `15m` back from now, or a time as it is. */
export function timeOf(text: string | undefined, now = Date.now()): string | undefined {
  if (text === undefined) return undefined;
  const back = durationOf(text);
  if (back !== undefined) return new Date(now - back).toISOString();
  const at = Date.parse(text);
  if (Number.isNaN(at))
    throw new CliError(exitCodes.usage, `${text} is not a time`, {
      hint: 'Write 15m, 2h, 3d or 2026-01-31T12:00:00Z.',
    });
  return new Date(at).toISOString();
}
