import { useState } from 'react';
import type { BuildError } from '../../shared/api/build-errors.ts';
import { ApiError } from '../api/server-error.ts';
import { errorsLeft, type FailedBuild, isSameBuild } from '../util/build-errors.ts';

export interface BuildErrors {
  /** Where the files do not build, as far as that is still true of them. */
  readonly left: readonly BuildError[];
  /** Whether something was edited since the build failed, so that its words are old. */
  readonly isOver: boolean;
  failed(error: unknown, files: Readonly<Record<string, unknown>>): void;
  /** It built, or it is another thing now: there is nothing to say. */
  succeeded(): void;
}

/** What the last build of the files that are edited objects to. */
export function useBuildErrors(files: Readonly<Record<string, unknown>>): BuildErrors {
  const [last, setLast] = useState<FailedBuild | undefined>();
  return {
    left: last === undefined ? [] : errorsLeft(last, files),
    isOver: last !== undefined && !isSameBuild(last, files),
    failed: (error, built) =>
      setLast({ errors: (error instanceof ApiError ? error.problem?.buildErrors : undefined) ?? [], files: built }),
    succeeded: () => setLast(undefined),
  };
}
