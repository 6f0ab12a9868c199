import { Pause, Play } from 'lucide-react';
import { useLive } from '../api/context.tsx';
import type { StreamState } from '../api/follow.ts';
import { Dot } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { classes } from '../ui/classes.ts';
import { useTimeRange } from '../util/hooks.ts';
import { timeRanges } from '../util/time-range.ts';

const stateTexts: Readonly<Record<StreamState, string>> = {
  connecting: 'Connecting',
  open: 'Live',
  waiting: 'Reconnecting',
  closed: 'Not connected',
};

export interface RangePickerProps {
  readonly isLive: boolean;
  readonly onLive: (isLive: boolean) => void;
}

/** The range of the charts (in the address) and whether they follow the clock. */
export function RangePicker({ isLive, onLive }: RangePickerProps) {
  const [range, setRange] = useTimeRange();
  const { state } = useLive();
  return (
    <div className="flex flex-wrap items-center gap-2">
      <fieldset className="flex rounded-md border border-line-strong bg-surface p-0.5">
        <legend className="sr-only">Time range</legend>
        {timeRanges.map((item) => (
          <button
            key={item.id}
            type="button"
            aria-pressed={item.id === range.id}
            onClick={() => setRange(item)}
            className={classes(
              'h-6.5 min-w-6 rounded px-2 text-sm whitespace-nowrap',
              item.id === range.id ? 'bg-raised font-medium text-text' : 'text-muted hover:text-text',
            )}
          >
            {item.label}
          </button>
        ))}
      </fieldset>
      <Button
        aria-pressed={isLive}
        aria-label={isLive ? `${stateTexts[state]}. Pause` : 'Paused. Go live'}
        onClick={() => onLive(!isLive)}
        icon={
          isLive ? <Pause className="size-3.5" aria-hidden="true" /> : <Play className="size-3.5" aria-hidden="true" />
        }
      >
        <Dot tone={isLive ? (state === 'open' ? 'ok' : 'warn') : 'neutral'} isPulsing={isLive && state === 'open'} />
        {isLive ? stateTexts[state] : 'Paused'}
      </Button>
    </div>
  );
}
