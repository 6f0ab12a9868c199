import { RefreshCw } from 'lucide-react';
import { useConnection } from '../api/context.tsx';
import { Dot } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { isFollowing, liveTexts } from '../util/live-text.ts';

const explanations = {
  connecting: 'Asks for the stream of what is new',
  open: 'What is new arrives within a second',
  waiting: 'The platform does not answer; it is tried again',
  closed: 'Nothing is followed',
  paused: 'Rests while the tab is hidden',
  polling: 'Something in between holds the stream back; what is new is asked for every two seconds',
} as const;

/** Whether this tab hears of what is new. */
export function ConnectionState({ isCompact }: { readonly isCompact: boolean }) {
  const { state } = useConnection();
  return (
    <span role="status" title={`${liveTexts[state]}: ${explanations[state]}`} className="flex items-center gap-1.5">
      <Dot tone={isFollowing(state) ? 'ok' : 'warn'} />
      <span className={isCompact ? 'sr-only' : ''}>{liveTexts[state]}</span>
    </span>
  );
}

/** On every page once the platform has another version than the one that this page was loaded from. */
export function NewVersionNotice() {
  const { version } = useConnection();
  if (version === undefined || version === __HEARTH_VERSION__) return null;
  return (
    <div role="status" className="flex flex-wrap items-center gap-2 border-b border-line bg-raised px-4 py-2 text-sm">
      Hearth {version} is running; this page is of {__HEARTH_VERSION__}.
      <Button
        size="small"
        icon={<RefreshCw className="size-3.5" aria-hidden="true" />}
        onClick={() => location.reload()}
      >
        Reload
      </Button>
    </div>
  );
}
