import { ChartLine, Table2 } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { IconButton } from './button.tsx';
import { Card } from './card.tsx';
import { ChartTable } from './chart-table.tsx';
import { classes } from './classes.ts';

const ChartCanvas = lazy(() => import('./chart-canvas.tsx').then((module) => ({ default: module.ChartCanvas })));

export interface ChartSeries {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** A CSS variable, for example `--series-1`. */
  readonly color: string;
  readonly dash?: readonly number[];
}

export interface ChartProps {
  readonly title: string;
  readonly note?: string;
  /** Seconds since 1970, ascending. */
  readonly x: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number | null) => string;
  readonly shape: 'lines' | 'stacked-bars' | 'areas';
  /** Charts with the same key show their crosshair at the same time. */
  readonly syncKey?: string;
  readonly height?: number;
  /** Upper end of the scale when it is known, for example 100 per cent. */
  readonly max?: number;
  /** Bytes: the scale goes in powers of two. */
  readonly isBinary?: boolean;
  /** Shows at least this much time, even when less is known. */
  readonly minSpanSeconds?: number;
  readonly emptyText?: string;
  readonly className?: string;
}

const lastValue = (values: readonly (number | null)[]) => values.findLast((value) => value !== null) ?? null;

function Legend({ props, index }: { readonly props: ChartProps; readonly index: number | undefined }) {
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
      {props.series.map((series) => (
        <li key={series.label} className="flex items-center gap-1.5">
          <span
            aria-hidden="true"
            className="inline-block h-0 w-3.5 border-t-2"
            style={{ borderColor: `var(${series.color})`, borderStyle: series.dash === undefined ? 'solid' : 'dashed' }}
          />
          {series.label}
          <span className="tabular font-medium text-text">
            {props.format(index === undefined ? lastValue(series.values) : (series.values[index] ?? null))}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** A time chart with a legend that follows the crosshair, and its numbers as a table for those who cannot use a canvas. */
export function Chart(props: ChartProps) {
  const [isTable, setIsTable] = useState(false);
  const [index, setIndex] = useState<number | undefined>();
  const height = props.height ?? 180;
  const isEmpty = props.series.every((series) => series.values.every((value) => value === null));
  return (
    <Card
      title={props.title}
      {...(props.note === undefined ? {} : { note: props.note })}
      {...(props.className === undefined ? {} : { className: props.className })}
      actions={
        <IconButton
          label={isTable ? `View ${props.title} as chart` : `View ${props.title} as table`}
          aria-pressed={isTable}
          onClick={() => setIsTable(!isTable)}
        >
          {isTable ? (
            <ChartLine className="size-4" aria-hidden="true" />
          ) : (
            <Table2 className="size-4" aria-hidden="true" />
          )}
        </IconButton>
      }
    >
      <Legend props={props} index={index} />
      <div className={classes('relative mt-2')} style={{ height }}>
        {isTable ? (
          <ChartTable label={props.title} x={props.x} series={props.series} format={props.format} />
        ) : (
          <Suspense fallback={null}>
            <ChartCanvas {...props} height={height} onIndex={setIndex} />
          </Suspense>
        )}
        {isEmpty && !isTable && (
          <p className="pointer-events-none absolute inset-0 grid place-items-center text-sm text-faint">
            {props.emptyText ?? 'Nothing in this range'}
          </p>
        )}
      </div>
    </Card>
  );
}
