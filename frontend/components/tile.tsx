import type { ReactNode } from 'react';
import { classes } from '../ui/classes.ts';
import { Sparkline } from '../ui/sparkline.tsx';

export interface TileProps {
  readonly label: string;
  readonly value: string;
  readonly note?: ReactNode;
  readonly change?: { readonly text: string; readonly direction: 'up' | 'down' | 'same' } | undefined;
  /** Whether more is good, bad, or neither. */
  readonly better?: 'up' | 'down';
  readonly spark?: readonly (number | null)[];
  readonly color?: string;
}

function changeClass(direction: 'up' | 'down' | 'same', better: 'up' | 'down' | undefined): string {
  if (better === undefined || direction === 'same') return 'text-muted';
  return direction === better ? 'text-ok' : 'text-danger';
}

/** One number with what it was before and how it went. */
export function Tile({ label, value, note, change, better, spark, color = '--series-1' }: TileProps) {
  return (
    <section
      aria-label={label}
      className="flex min-w-0 flex-col rounded-lg border border-line bg-surface px-3 pt-3 pb-2.5 sm:px-4"
    >
      <h2 className="text-xs font-medium text-muted">{label}</h2>
      <div className="mt-1 flex items-end justify-between gap-3 sm:min-h-8">
        <p className="tabular text-2xl leading-tight font-semibold tracking-tight whitespace-nowrap">{value}</p>
        {spark !== undefined && spark.length > 1 && (
          <Sparkline
            values={spark}
            color={color}
            label={`${label} over the range`}
            className="h-8 w-full max-w-28 max-sm:hidden"
          />
        )}
      </div>
      <p className="tabular mt-1 min-h-9 text-xs text-faint sm:min-h-4.5 sm:truncate">
        {change !== undefined && (
          <span className={classes('mr-1.5 font-medium', changeClass(change.direction, better))}>
            {change.text}
            <span className="sr-only"> against the period before</span>
          </span>
        )}
        {note}
      </p>
    </section>
  );
}
