import { useMemo, useRef, useState } from 'react';
import type { LogLine } from '../../shared/api/invocations.ts';
import { classes } from '../ui/classes.ts';
import { formatClock, formatCount, formatDateTime } from '../util/format.ts';
import { useThrottled } from '../util/hooks.ts';
import { type LogBar, logVolume } from '../util/log-volume.ts';

const maxBars = 80;
const dayMs = 86_400_000;

const clock = (at: string) => formatClock(at, false);

export interface LogVolumeBarsProps {
  readonly lines: readonly LogLine[];
  /** Dragging across the bars, or a click on one, chooses that time, in milliseconds since 1970. */
  readonly onChoose: (fromMs: number, toMs: number) => void;
}

/** How many of the lines below came when, the errors and warnings among them apart. */
export function LogVolumeBars({ lines, onChoose }: LogVolumeBarsProps) {
  const settled = useThrottled(lines, 1000);
  const bars = useMemo(() => logVolume(settled, maxBars), [settled]);
  const [drag, setDrag] = useState<readonly [number, number] | undefined>();
  const area = useRef<HTMLDivElement>(null);
  const [first, last] = [bars[0], bars.at(-1)];
  if (first === undefined || last === undefined) return null;
  const format = last.toMs - first.fromMs < dayMs ? clock : formatDateTime;
  const clockOf = (ms: number) => format(new Date(ms).toISOString());
  const most = Math.max(...bars.map(({ count }) => count));
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
    <div className="border-b border-line px-4 py-2">
      <div
        ref={area}
        role="img"
        aria-label={`Lines over time: ${formatCount(settled.length)} from ${clockOf(first.fromMs)} to ${clockOf(last.toMs)}, at most ${formatCount(most)} at a time`}
        title="Drag to choose a part of the time"
        className="flex h-10 touch-none cursor-crosshair items-end gap-px"
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
      <div aria-hidden="true" className="tabular mt-1 flex justify-between text-xs text-faint">
        <span>{clockOf(first.fromMs)}</span>
        <span>{clockOf(last.toMs)}</span>
      </div>
    </div>
  );
}

function Bar({ bar, most, isChosen }: { readonly bar: LogBar; readonly most: number; readonly isChosen: boolean }) {
  const share = (count: number) => `${(count / Math.max(1, most)) * 100}%`;
  const rest = bar.count - bar.errors - bar.warnings;
  return (
    <span className={classes('flex h-full min-w-0 grow basis-0 flex-col justify-end', isChosen && 'bg-accent-soft')}>
      <span className="bg-danger" style={{ height: share(bar.errors) }} />
      <span className="bg-warn" style={{ height: share(bar.warnings) }} />
      <span className="bg-series-1" style={{ height: share(rest), minHeight: bar.count > 0 ? 1 : 0 }} />
    </span>
  );
}
