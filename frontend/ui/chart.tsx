import { ChartLine, ChartNoAxesColumnIncreasing, Download, Table2 } from 'lucide-react';
import { type ComponentType, lazy, Suspense, useState } from 'react';
import type UPlot from 'uplot';
import { chartCsv, saveFile } from '../util/csv.ts';
import { IconButton } from './button.tsx';
import { Card } from './card.tsx';
import { ChartTable } from './chart-table.tsx';
import { classes } from './classes.ts';
import { DateTime } from './date-time.tsx';

const loadCanvas = () => import('./chart-canvas.tsx').then((module) => ({ default: module.ChartCanvas }));
const ChartCanvas = lazy(loadCanvas);
// Asked for beside the first numbers, not after them. Where that fails, the chart asks again and says so.
loadCanvas().catch(() => undefined);

export interface ChartSeries {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** A CSS variable, for example `--series-1`. */
  readonly color: string;
  readonly dash?: readonly number[];
}

/** Something that happened at a time, drawn as an upright line. */
export interface ChartMarker {
  /** Seconds since 1970. */
  readonly at: number;
  readonly label: string;
}

/** Draws what is neither lines nor bars, below the markers, and says what that means; comes with the page that shows it. */
export interface ChartDrawing {
  /** `resolveColor` makes of a colour as CSS one that a canvas understands. */
  readonly draw: (plot: UPlot, props: ChartProps, resolveColor: (css: string) => string) => void;
  readonly Legend: ComponentType<{ readonly props: ChartProps; readonly index: number | undefined }>;
}

export interface ChartProps {
  readonly title: string;
  readonly note?: string;
  /** Seconds since 1970, ascending. */
  readonly x: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number | null) => string;
  /** `heat`: each series is a row, from the lowest up, which `drawing` fills. */
  readonly shape: 'lines' | 'stacked-bars' | 'areas' | 'heat';
  readonly drawing?: ChartDrawing;
  /** What stands at the edges between the rows of a heat map: one more than there are series. */
  readonly edges?: readonly string[];
  /** Offers a logarithmic scale, for values that span powers of ten. */
  readonly canLog?: boolean;
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
  readonly markers?: readonly ChartMarker[];
  /** Dragging across the chart chooses this part of the time, in seconds since 1970. */
  readonly onZoom?: (from: number, to: number) => void;
  readonly className?: string;
}

const lastValue = (values: readonly (number | null)[]) => values.findLast((value) => value !== null) ?? null;

function Legend({ props, index }: { readonly props: ChartProps; readonly index: number | undefined }) {
  const at = index === undefined ? undefined : props.x[index];
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
      {props.drawing !== undefined && <props.drawing.Legend props={props} index={index} />}
      {(props.drawing === undefined ? props.series : []).map((series) => (
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
      {at !== undefined && (
        <li className="tabular ml-auto text-faint">
          <DateTime at={new Date(at * 1000).toISOString()} as="seconds" />
        </li>
      )}
      {markersAt(props, index).map((marker) => (
        <li key={`${marker.at} ${marker.label}`} className="font-medium text-accent">
          {marker.label}
        </li>
      ))}
    </ul>
  );
}

/** The markers next to the crosshair: at most three, so that the legend stays in its place. */
function markersAt({ x, markers }: ChartProps, index: number | undefined): readonly ChartMarker[] {
  const here = index === undefined ? undefined : x[index];
  if (here === undefined || markers === undefined) return [];
  const step = (x[1] ?? 0) - (x[0] ?? 0);
  const reach = Math.max(step, ((x.at(-1) ?? 0) - (x[0] ?? 0)) / 100);
  return markers.filter((marker) => Math.abs(marker.at - here) <= reach).slice(0, 3);
}

/** A time chart with a legend that follows the crosshair, and its numbers as a table and as CSV. */
export function Chart(props: ChartProps) {
  const [isTable, setIsTable] = useState(false);
  const [isLog, setIsLog] = useState(false);
  const [index, setIndex] = useState<number | undefined>();
  const height = props.height ?? 180;
  const isEmpty = props.series.every((series) => series.values.every((value) => value === null));
  return (
    <Card
      title={props.title}
      {...(props.note === undefined ? {} : { note: props.note })}
      {...(props.className === undefined ? {} : { className: props.className })}
      actions={
        <>
          {props.canLog === true && (
            <IconButton
              label={`Logarithmic scale of ${props.title}`}
              aria-pressed={isLog}
              onClick={() => setIsLog(!isLog)}
            >
              <ChartNoAxesColumnIncreasing className={classes('size-4', isLog && 'text-accent')} aria-hidden="true" />
            </IconButton>
          )}
          <IconButton
            label={`Save ${props.title} as CSV`}
            disabledReason={isEmpty ? 'There is nothing to save' : undefined}
            onClick={() =>
              saveFile(
                `${props.title.toLowerCase().replaceAll(' ', '-')}.csv`,
                'text/csv',
                chartCsv(props.x, props.series),
              )
            }
          >
            <Download className="size-4" aria-hidden="true" />
          </IconButton>
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
        </>
      }
    >
      <Legend props={props} index={index} />
      <div className={classes('relative mt-2')} style={{ height }}>
        {isTable ? (
          <ChartTable label={props.title} x={props.x} series={props.series} format={props.format} />
        ) : (
          <Suspense fallback={null}>
            <ChartCanvas {...props} height={height} isLog={isLog} onIndex={setIndex} />
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
