import type { BuildStepName } from '../../../shared/api/builds.ts';

/** Hears how a build goes on while it runs. Never throws. */
export interface BuildWatcher {
  /** A step begins, and with it the one before is over. One that is there already goes on. */
  step(name: BuildStepName): void;
  /** One line, without line end and control characters, of the step that runs. */
  line(text: string): void;
}

/** For builds that nobody watches. */
export const unwatched: BuildWatcher = { step: () => undefined, line: () => undefined };
