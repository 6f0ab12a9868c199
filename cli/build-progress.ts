import {
  type BuildDocument,
  type BuildLine,
  type BuildStep,
  type BuildStepName,
  buildLineSchema,
  buildSchema,
} from '../shared/api/builds.ts';
import { buildProblem } from '../shared/build-problem.ts';
import { buildPath } from './api-paths.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodeOfStatus, exitCodes } from './exit-codes.ts';
import { followEvents } from './follow-events.ts';
import { printable, type Terminal } from './terminal.ts';

/** Hears what comes of a build, in order. */
export interface BuildListener {
  readonly build: (build: BuildDocument) => void;
  readonly line: (line: BuildLine) => void;
}

/** Follows a build to its end, over lost connections. Rejects when the platform refuses, and with Ctrl-C. */
export async function followBuild(context: CliContext, id: string, listener: BuildListener): Promise<BuildDocument> {
  for await (const { event, data } of followEvents(context, `${buildPath(id)}/log`)) {
    if (event === 'line') listener.line(buildLineSchema.parse(JSON.parse(data)));
    if (event !== 'build' && event !== 'end') continue;
    const build = buildSchema.parse(JSON.parse(data));
    listener.build(build);
    if (event === 'end') return build;
  }
  throw new Error('a stream that is followed has no end of its own');
}

export interface StepPrinterOptions {
  readonly terminal: Terminal;
  /** All lines as they come, and not only those of the step that fails. */
  readonly isVerbose: boolean;
}

/** Lines of these are about the function and this host, and there are few. */
const alwaysShown: ReadonlySet<BuildStepName | null> = new Set([null, 'activate']);

/** Says each step with its time when it is over, and the lines of the one that failed. */
export class StepPrinter implements BuildListener {
  readonly #terminal: Terminal;
  readonly #isVerbose: boolean;
  readonly #held: BuildLine[] = [];
  #said = 0;
  #isQueued = false;

  constructor({ terminal, isVerbose }: StepPrinterOptions) {
    this.#terminal = terminal;
    this.#isVerbose = isVerbose;
  }

  readonly line = (line: BuildLine): void => {
    if (this.#isVerbose || alwaysShown.has(line.step)) this.#sayLine(line);
    else this.#held.push(line);
  };

  readonly build = ({ state, steps, error }: BuildDocument): void => {
    if (state === 'queued' && !this.#isQueued) {
      this.#isQueued = true;
      this.#terminal.say(this.#terminal.style('dim', '  waiting for other builds'));
    }
    const failing = error === null ? undefined : steps.at(-1);
    for (const step of steps.slice(this.#said)) {
      if (step.finishedAt === null) break;
      this.#said++;
      this.#terminal.say(stepText(this.#terminal, step, step === failing));
    }
    if (failing === undefined || this.#isVerbose) return;
    for (const line of this.#held) if (line.step === failing.name) this.#sayLine(line);
  };

  #sayLine({ text }: BuildLine): void {
    this.#terminal.say(this.#terminal.style('dim', `  | ${printable(text)}`));
  }
}

const stepText = (terminal: Terminal, step: BuildStep, isFailing: boolean): string =>
  `  ${terminal.style(isFailing ? 'red' : 'green', isFailing ? '✗' : '✓')} ${stepWords[step.name]} ${terminal.style('dim', durationText(step.startedAt, step.finishedAt))}`;

/** What each step does. */
export const stepWords: Readonly<Record<BuildStepName, string>> = {
  unpack: 'unpack',
  image: 'find the image',
  install: 'install packages',
  compile: 'compile',
  check: 'check',
  'compile-ahead': 'compile ahead',
  activate: 'activate',
};

/** `12 ms`, `3.4 s`; up to now while it is not over. */
export function durationText(from: string, to: string | null, now = Date.now()): string {
  const ms = Math.max(0, (to === null ? now : Date.parse(to)) - Date.parse(from));
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** What a build that came to nothing ends a command with, and its lines unless they were said; for `--json` the problem document of who waited. */
export function buildError({ id, state, error }: BuildDocument, lines: readonly string[], areSaid: boolean): CliError {
  if (error === null) return new CliError(exitCodes.failure, `the build ended as ${state}`);
  const { status, code, message, errors } = error;
  const details = errors.map((issue) => `\n  ${issue.path}: ${issue.message}`).join('');
  const log = areSaid ? '' : lines.map((line) => `\n  | ${line}`).join('');
  return new CliError(exitCodeOfStatus(status, code), printable(`${message}${details}${log}`), {
    problem: buildProblem(id, error, lines),
    hint: `The whole log: hearth builds log ${id}`,
  });
}
