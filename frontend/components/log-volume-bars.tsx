import { useMemo, useRef, useState } from 'react';
import type { LogLine } from '../../shared/api/invocations.ts';
import { dayMs } from '../../shared/durations.ts';
import { classes } from '../ui/classes.ts';
import { DateTime } from '../ui/date-time.tsx';
import { counted, formatClock, formatCount, formatDateTime } from '../util/format.ts';
import { useThrottled, useTimeRange, useUrlValue } from '../util/hooks.ts';
import { type LogBar, logBars } from '../util/log-volume.ts';
import { timeRanges } from '../util/time-range.ts';
import { useTimeZone } from '../util/time-zone.ts';
import { useLogHistogram } from './use-log-histogram.ts';

const noLines: readonly LogLine[] = [];

export interface LogVolumeBarsProps {
  readonly functionName: string | undefined;
  readonly filter: string;
  /** Lines as they come: those that the platform did not count yet are added. */
  readonly lines?: readonly LogLine[];
  /** Dragging across the bars, or a click on one, chooses that time, in milliseconds since 1970. */
  readonly onChoose: (fromMs: number, toMs: number) => void;
}

const total = (bars: readonly LogBar[], of: 'count' | 'errors' | 'warnings') =>
  bars.reduce((sum, bar) => sum + bar[of], 0);

/** How many stored lines match over the range that is in the address, the errors and warnings among them apart, and what comes now. */
export function LogVolumeBars({ functionName, filter, lines = noLines, onChoose }: LogVolumeBarsProps) {
  const [range] = useTimeRange();
  const zone = useTimeZone();
  const { data, error } = useLogHistogram(functionName, filter, range);
  const settled = useThrottled(lines, 1000);
  const bars = useMemo(() => (data === undefined ? [] : logBars(data, settled)), [data, settled]);
  const [first, last] = [bars[0], bars.at(-1)];
  if (error !== null) {
    return <p className="border-b border-line px-4 py-2 text-xs text-faint">Lines over time could not be counted</p>;
  }
  const isDays = last !== undefined && first !== undefined && last.toMs - first.fromMs >= dayMs;
  const timeOf = (ms: number | undefined) => {
    if (ms === undefined) return '';
    const at = new Date(ms).toISOString();
    return isDays ? formatDateTime(at, zone) : formatClock(at, zone, false);
  };
  const [count, errors, warnings] = [total(bars, 'count'), total(bars, 'errors'), total(bars, 'warnings')];
  return (
    <div className="border-b border-line px-4 py-2">
      <Bars
        bars={bars}
        label={`Lines over time: ${formatCount(count)} from ${timeOf(first?.fromMs)} to ${timeOf(last?.toMs)}, ${formatCount(errors)} errors, ${formatCount(warnings)} warnings`}
        onChoose={onChoose}
      />
      <div className="tabular mt-1 flex flex-wrap items-center justify-between gap-x-4 text-xs text-faint">
        <span aria-hidden="true" className="min-h-4">
          {timeOf(first?.fromMs)}
        </span>
        <span className="order-last inline-flex w-full flex-wrap items-center gap-x-2 sm:order-none sm:w-auto">
          <span>
            {data === undefined ? 'Counting' : `${formatCount(count)} logged`}
            {errors > 0 && <span className="text-danger"> · {counted(errors, 'error')}</span>}
            {warnings > 0 && <span className="text-warn"> · {counted(warnings, 'warning')}</span>}
          </span>
          {range.fixed === undefined && <SpanChoice />}
        </span>
        <span aria-hidden="true" className="min-h-4">
          {timeOf(last?.toMs)}
        </span>
      </div>
      {data?.countedFrom != null && (
        <p className="text-xs text-warn">
          Counted since <DateTime at={data.countedFrom} />: there are more lines than are looked at for this filter
        </p>
      )}
    </div>
  );
}

/** How far back the bars go. */
function SpanChoice() {
  const [range] = useTimeRange();
  const [, setId] = useUrlValue('range');
  return (
    <select
      aria-label="Time of the bars"
      className="h-6 rounded border border-line bg-surface px-1 text-xs text-muted"
      value={range.id}
      onChange={(event) => setId(event.target.value)}
    >
      {timeRanges.map(({ id, label }) => (
        <option key={id} value={id}>
          last {label}
        </option>
      ))}
    </select>
  );
}

interface BarsProps {
  readonly bars: readonly LogBar[];
  readonly label: string;
  readonly onChoose: LogVolumeBarsProps['onChoose'];
}

function Bars({ bars, label, onChoose }: BarsProps) {
  const [drag, setDrag] = useState<readonly [number, number] | undefined>();
  const area = useRef<HTMLDivElement>(null);
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const indexAt = (clientX: number) => {
    const box = area.current?.getBoundingClientRect();
    if (box === undefined) return 0;
    const index = Math.floor(((clientX - box.left) / Math.max(1, box.width)) * bars.length);
    return Math.min(bars.length - 1, Math.max(0, index));
  };
  const isChosen = (index: number) => drag !== undefined && index >= Math.min(...drag) && index <= Math.max(...drag);
  const choose = () => {
    if (drag === undefined) return;
    const [from, to] = [bars[Math.min(...drag)], bars[Math.max(...drag)]];
    setDrag(undefined);
    if (from !== undefined && to !== undefined) onChoose(from.fromMs, to.toMs);
  };
  return (
    <div
      ref={area}
      role="img"
      aria-label={label}
      title="Drag to choose a part of the time"
      className="flex h-12 touch-none cursor-crosshair items-end gap-px"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        const index = indexAt(event.clientX);
        setDrag([index, index]);
      }}
      onPointerMove={(event) => drag !== undefined && setDrag([drag[0], indexAt(event.clientX)])}
      onPointerUp={choose}
      onPointerCancel={() => setDrag(undefined)}
    >
      {bars.map((bar, index) => (
        <Bar key={bar.fromMs} bar={bar} most={most} isChosen={isChosen(index)} />
      ))}
    </div>
  );
}

/** What was not counted is hatched: no bar there does not mean no lines. */
const hatched = {
  backgroundImage: 'repeating-linear-gradient(135deg, var(--line) 0 2px, transparent 2px 6px)',
} as const;

function Bar({ bar, most, isChosen }: { readonly bar: LogBar; readonly most: number; readonly isChosen: boolean }) {
  const share = (count: number) => `${(count / most) * 100}%`;
  const rest = bar.count - bar.errors - bar.warnings;
  return (
    <span
      className={classes(
        'flex h-full min-w-0 grow basis-0 flex-col justify-end border-b border-line',
        isChosen && 'bg-accent-soft',
      )}
      style={bar.isPartial ? hatched : undefined}
    >
      <span className="bg-danger" style={{ height: share(bar.errors), minHeight: bar.errors > 0 ? 1 : 0 }} />
      <span className="bg-warn" style={{ height: share(bar.warnings), minHeight: bar.warnings > 0 ? 1 : 0 }} />
      <span className="bg-series-1" style={{ height: share(rest), minHeight: rest > 0 ? 1 : 0 }} />
    </span>
  );
}
