import type { BuildDocument, BuildLine, BuildState, BuildStepName } from '../../shared/api/builds.ts';
import type { Problem } from '../../shared/api/paging.ts';
import { buildProblem } from '../../shared/build-problem.ts';
import type { StreamEvent } from '../api/event-stream.ts';

/** What is known of a build that is followed. */
export interface BuildProgress {
  readonly build: BuildDocument | undefined;
  readonly lines: readonly BuildLine[];
  /** The stream said that nothing comes any more. */
  readonly isOver: boolean;
}

export const noProgress: BuildProgress = { build: undefined, lines: [], isOver: false };

/** After what arrived. A line that comes again, as after a lost connection, is there once. */
export function withEvents(before: BuildProgress, events: readonly StreamEvent[]): BuildProgress {
  let { build, isOver } = before;
  const added: BuildLine[] = [];
  let known = before.lines.at(-1)?.seq ?? 0;
  for (const { event, data } of events) {
    if (event === 'build' || event === 'end') build = JSON.parse(data) as BuildDocument;
    if (event === 'end') isOver = true;
    if (event !== 'line') continue;
    const line = JSON.parse(data) as BuildLine;
    if (line.seq <= known) continue;
    known = line.seq;
    added.push(line);
  }
  return { build, isOver, lines: added.length === 0 ? before.lines : [...before.lines, ...added] };
}

/** The problem document that whoever waited for it would have got. */
export function problemOf({ id, state, error }: BuildDocument, lines: readonly BuildLine[]): Problem {
  const failure = error ?? {
    status: 500,
    code: 'build_broke',
    message: `It ended as ${state}.`,
    errors: [],
    buildErrors: [],
  };
  const log = lines.map(({ text }) => text);
  return buildProblem(id, failure, log);
}

/** The first line of why nothing came of it, as a sentence. */
export function failureText(message: string): string {
  const [first = ''] = message.split('\n', 1);
  // A file keeps its name.
  return /^[\w/-]+[.:/]\S/.test(first) ? first : first.charAt(0).toUpperCase() + first.slice(1);
}

interface StepWords {
  readonly label: string;
  /** While it runs. */
  readonly doing: string;
}

export const stepWords: Readonly<Record<BuildStepName, StepWords>> = {
  unpack: { label: 'Unpack', doing: 'Unpacking' },
  image: { label: 'Image', doing: 'Finding the image' },
  install: { label: 'Install packages', doing: 'Installing packages' },
  compile: { label: 'Compile', doing: 'Compiling' },
  check: { label: 'Check', doing: 'Checking' },
  'compile-ahead': { label: 'Compile ahead', doing: 'Compiling ahead of the first start' },
  activate: { label: 'Activate', doing: 'Activating' },
};

/** What it does now, in a few words. */
export function doingText(build: BuildDocument | undefined): string {
  if (build === undefined) return 'Sending';
  if (build.state === 'queued') return 'Waiting for other builds';
  const step = build.steps.findLast(({ finishedAt }) => finishedAt === null);
  return step === undefined ? 'Starting' : stepWords[step.name].doing;
}

/** ms from its begin to its end, or to now. */
export function tookMs(
  { startedAt, finishedAt }: { readonly startedAt: string; readonly finishedAt: string | null },
  now: number,
): number {
  return Math.max(0, (finishedAt === null ? now : Date.parse(finishedAt)) - Date.parse(startedAt));
}

export const stateTones: Readonly<Record<BuildState, 'ok' | 'danger' | 'neutral' | 'info'>> = {
  queued: 'info',
  building: 'info',
  checking: 'info',
  ready: 'ok',
  failed: 'danger',
  cancelled: 'neutral',
};
