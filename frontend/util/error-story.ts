import type { ErrorGroup } from '../../shared/api/error-groups.ts';

type Versions = Pick<ErrorGroup, 'firstVersion' | 'lastVersion' | 'liveVersion' | 'versions'>;

export interface ErrorStory {
  /** `introduced in v12`; empty where that is not known any more. */
  readonly beginning: string;
  /** What the version that is live has to do with it; empty where nobody knows. */
  readonly now: string;
  /** The live version has failed so within the last day. */
  readonly isInLive: boolean;
}

/** Which versions failed so: where it began, and whether what runs now still does. */
export function errorStory({ firstVersion, lastVersion, liveVersion, versions }: Versions): ErrorStory {
  const beginning = firstVersion === null ? '' : `introduced in v${firstVersion}`;
  if (liveVersion === null || lastVersion === null) return { beginning, now: '', isInLive: false };
  if (versions.includes(liveVersion)) return { beginning, now: `still in v${liveVersion}, live`, isInLive: true };
  // Of the newest failure alone it is known, when it is long ago.
  if (lastVersion === liveVersion)
    return { beginning, now: `in v${liveVersion}, live, not for a day`, isInLive: false };
  return { beginning, now: `not seen since v${lastVersion}; v${liveVersion} is live`, isInLive: false };
}
