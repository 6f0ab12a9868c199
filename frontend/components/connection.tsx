import { lazy, Suspense } from 'react';
import { useConnection } from '../api/context.tsx';
import { Dot } from '../ui/badge.tsx';
import { isFollowing, liveTexts } from '../util/live-text.ts';

/** Whether this tab hears of what is new. */
export function ConnectionState({ isCompact }: { readonly isCompact: boolean }) {
  const { state } = useConnection();
  return (
    <span title={`What is new: ${liveTexts[state]}`} className="flex items-center gap-1.5">
      <Dot tone={isFollowing(state) ? 'ok' : 'warn'} />
      <span className={isCompact ? 'sr-only' : ''}>{liveTexts[state]}</span>
    </span>
  );
}

const NewVersion = lazy(() => import('./new-version.tsx').then((module) => ({ default: module.NewVersion })));

/** On every page once the platform has another version than the one that this page was loaded from. */
export function NewVersionNotice() {
  const { version } = useConnection();
  if (version === undefined || version === __HEARTH_VERSION__) return null;
  return (
    <Suspense fallback={null}>
      <NewVersion version={version} />
    </Suspense>
  );
}
