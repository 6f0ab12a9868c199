import { CalendarRange, Pause, Play, ZoomOut } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { useLive } from '../api/context.tsx';
import { Ago } from '../ui/ago.tsx';
import { Dot } from '../ui/badge.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { PressedChoice } from '../ui/pressed-choice.tsx';
import { formatDateTime } from '../util/format.ts';
import { useNow, useTimeRange, useUrlValue } from '../util/hooks.ts';
import { isFollowing, liveTexts } from '../util/live-text.ts';
import { defaultTimeRange, timeRanges } from '../util/time-range.ts';
import { useTimeZone } from '../util/time-zone.ts';

const CustomRangeDialog = lazy(() =>
  import('../forms/custom-range.tsx').then((module) => ({ default: module.CustomRangeDialog })),
);

export interface RangePickerProps {
  readonly isLive: boolean;
  readonly onLive: (isLive: boolean) => void;
}

interface RangeChoiceProps {
  /** Beside those that end now: `all` of the time, which is where it begins then. With `none`, what is shown without a choice is not a range. */
  readonly or?: 'all' | 'none';
}

/** The range in the address: one that ends now, or between two times. */
export function RangeChoice({ or }: RangeChoiceProps) {
  const [range, setRange] = useTimeRange();
  const [id, setId] = useUrlValue('range');
  const zone = useTimeZone();
  const [isChoosing, setIsChoosing] = useState(false);
  const { fixed } = range;
  const at = (ms: number) => formatDateTime(new Date(ms).toISOString(), zone);
  const chosen = or === 'all' && id === '' ? '' : range.id;
  const items = or === 'none' ? [] : [...(or === 'all' ? [{ id: '', label: 'All' }] : []), ...timeRanges];
  const back = or === 'all' ? 'Back to all of the time' : or === 'none' ? 'Back to now' : 'Back to the last hour';
  return (
    <>
      <PressedChoice legend="Time range" items={items} chosen={chosen} onChoose={setId} className="flex-wrap">
        <IconButton
          label="Choose two times"
          className="!h-6.5"
          aria-pressed={fixed !== undefined}
          data-shortcut="range"
          onClick={() => setIsChoosing(true)}
        >
          <CalendarRange className="size-3.5" aria-hidden="true" />
        </IconButton>
      </PressedChoice>
      {fixed !== undefined && (
        <span className="tabular inline-flex items-center gap-1 text-xs text-muted">
          {at(fixed.fromMs)} –{' '}
          {at(fixed.toMs).slice(at(fixed.fromMs).slice(0, 10) === at(fixed.toMs).slice(0, 10) ? 11 : 0)}
          <IconButton label={back} onClick={() => setId(or === undefined ? defaultTimeRange.id : '')}>
            <ZoomOut className="size-4" aria-hidden="true" />
          </IconButton>
        </span>
      )}
      {isChoosing && (
        <Suspense fallback={null}>
          <CustomRangeDialog range={range} onChoose={setRange} onClose={() => setIsChoosing(false)} />
        </Suspense>
      )}
    </>
  );
}

/** `updated 1 s ago`: that the numbers move, or since when they do not. `at`: the second that was heard of last. */
function Updated({ at }: { readonly at: string | undefined }) {
  const now = useNow(1000);
  if (at === undefined) return null;
  return (
    <span className="tabular min-w-28 text-xs text-faint max-sm:hidden">
      updated <Ago at={at} now={now} />
    </span>
  );
}

/** The range of the charts (in the address) and whether they follow the clock. */
export function RangePicker({ isLive, onLive }: RangePickerProps) {
  const [{ fixed }] = useTimeRange();
  const { state, ticks } = useLive();
  return (
    <div className="flex flex-wrap items-center gap-2">
      <RangeChoice />
      <Button
        aria-pressed={isLive}
        data-shortcut="live"
        disabledReason={fixed === undefined ? undefined : 'A chosen time does not move with the clock'}
        aria-label={isLive ? `${liveTexts[state]}. Pause` : 'Paused. Go live'}
        onClick={() => onLive(!isLive)}
        icon={
          isLive ? <Pause className="size-3.5" aria-hidden="true" /> : <Play className="size-3.5" aria-hidden="true" />
        }
      >
        <Dot
          tone={isLive ? (isFollowing(state) ? 'ok' : 'warn') : 'neutral'}
          isPulsing={isLive && isFollowing(state)}
        />
        {isLive ? liveTexts[state] : 'Paused'}
      </Button>
      {isLive && <Updated at={ticks.at(-1)?.at} />}
    </div>
  );
}
