import { useEffect, useRef } from 'react';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { logRange, stackColumns, timeSpan } from '../util/series.ts';
import { type TimeZone, useTimeZone, wallClock } from '../util/time-zone.ts';
import type { ChartProps } from './chart.tsx';
import { inTurn, type PlotSize, PlotView } from './plot-view.ts';
import { shownTheme, useShownTheme } from './theme.ts';

type Row = (number | null)[];

const colors: Readonly<Record<ReturnType<typeof shownTheme>, Map<string, string>>> = {
  light: new Map(),
  dark: new Map(),
};

/**
 * A canvas needs colours as they are now: lets the browser resolve `var()`, `color-mix()` and `light-dark()`. Once for each colour of a theme, as
 * it computes the styles of the page for that.
 */
function resolveColor(css: string): string {
  const known = colors[shownTheme()];
  const before = known.get(css);
  if (before !== undefined) return before;
  const probe = document.createElement('i');
  probe.style.color = css.startsWith('--') ? `var(${css})` : css;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  known.set(css, color);
  return color;
}

function transparent(color: string, share: number): string {
  return `color-mix(in srgb, ${color} ${Math.round(share * 100)}%, transparent)`;
}

/** Stacked series are drawn from the highest sum down, so that each covers what belongs to those below it. */
function dataOf(props: ChartProps): UPlot.AlignedData {
  const columns = props.series.map((series) => series.values);
  if (props.shape === 'heat') return [[...props.x], props.x.map(() => null)];
  const drawn = props.shape === 'lines' ? columns : [...stackColumns(columns)].reverse();
  return [[...props.x], ...drawn.map((column): Row => [...column])];
}

/** Values between two gaps: a line would not show them. */
function lonePoints(values: ArrayLike<number | null | undefined>): number[] {
  const isKnown = (index: number) => values[index] !== null && values[index] !== undefined;
  const found: number[] = [];
  for (let index = 0; index < values.length; index++) {
    if (isKnown(index) && !isKnown(index - 1) && !isKnown(index + 1)) found.push(index);
  }
  return found;
}

function seriesOptions(props: ChartProps): UPlot.Series[] {
  if (props.shape === 'heat') return [{ show: false }];
  const ordered = props.shape === 'lines' ? props.series : [...props.series].reverse();
  return ordered.map((series) => {
    const stroke = resolveColor(series.color);
    const base: UPlot.Series = { label: series.label, stroke, width: 1.5, spanGaps: false, points: { show: false } };
    const dots: UPlot.Series.Points = {
      show: true,
      size: 4,
      fill: stroke,
      width: 0,
      filter: (plot, index) => lonePoints(plot.data[index] ?? []),
    };
    if (props.shape === 'stacked-bars') {
      // At least two pixels: one alone among hundreds would not be seen.
      const paths = UPlot.paths.bars?.({ size: [0.8, 14, 2], align: 1 });
      return { ...base, fill: stroke, width: 0, ...(paths === undefined ? {} : { paths }) };
    }
    if (props.shape === 'areas') return { ...base, points: dots, fill: transparent(stroke, 0.22) };
    return { ...base, points: dots, ...(series.dash === undefined ? {} : { dash: [...series.dash] }) };
  });
}

/** Steps of a scale in bytes: 1, 2, 4 … up to 1 PiB. */
const binarySteps = Array.from({ length: 51 }, (_, power) => 2 ** power);
/** Of rows. */
const wholeSteps = [1, 2, 3, 6, 12, 24];

interface AxesProps extends Pick<ChartProps, 'format' | 'isBinary' | 'edges'> {
  readonly zone: TimeZone;
}

function axes({ format, isBinary, edges, zone }: AxesProps): UPlot.Axis[] {
  const stroke = resolveColor('--faint');
  const grid = { stroke: resolveColor('--grid'), width: 1 };
  const font = '11px system-ui, sans-serif';
  return [
    {
      stroke,
      grid: { show: false },
      ticks: { show: false },
      font,
      size: 26,
      gap: 4,
      space: 70,
      values: timeLabels(zone),
    },
    {
      stroke,
      grid,
      ticks: { show: false },
      font,
      size: 58,
      gap: 6,
      space: 34,
      values: (_plot, splits) => {
        // On a logarithmic scale those between the powers have none.
        const texts = splits.map((value) =>
          value === null ? '' : edges === undefined ? format(value) : (edges[value] ?? ''),
        );
        // The same words at two heights would say that they are one.
        return texts.map((text, index) => (text === texts[index - 1] ? '' : text));
      },
      ...(isBinary === true ? { incrs: binarySteps } : edges === undefined ? {} : { incrs: wholeSteps }),
    },
  ];
}

/** 24-hour clock; days where the range is longer than one. */
function timeLabels(zone: TimeZone) {
  return (_plot: UPlot, splits: number[]): string[] => {
    const stepSeconds = (splits[1] ?? 0) - (splits[0] ?? 0);
    return splits.map((seconds) => {
      const { month, day, hours, minutes, seconds: second } = wallClock(seconds * 1000, zone);
      if (stepSeconds >= 86_400) return `${Number(month)}/${Number(day)}`;
      return stepSeconds < 60 ? `${hours}:${minutes}:${second}` : `${hours}:${minutes}`;
    });
  };
}

/** Upright lines with a small flag on top. */
function drawMarkers(plot: UPlot, markers: ChartProps['markers']): void {
  if (markers === undefined || markers.length === 0) return;
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = resolveColor('--accent');
  ctx.fillStyle = ctx.strokeStyle;
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  for (const marker of markers) {
    const x = Math.round(plot.valToPos(marker.at, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x + 6 * ratio, bbox.top + 3 * ratio);
    ctx.lineTo(x, bbox.top + 6 * ratio);
    ctx.fill();
  }
  ctx.restore();
}

/** Of charts that say nothing else: as long as the shortest range that can be chosen. */
const defaultMinSpanSeconds = 10;

/** A drag shorter than this is a click. */
const minDragPx = 6;

function zoomTo(plot: UPlot, onZoom: ChartProps['onZoom']): void {
  const { left, width } = plot.select;
  if (width < minDragPx) return;
  const [from, to] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')];
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  onZoom?.(from, to);
}

export interface ChartCanvasProps extends ChartProps {
  readonly height: number;
  readonly isLog: boolean;
  readonly onIndex: (index: number | undefined) => void;
}

/** Charts with one crosshair share where the pointer is, not what is dragged. */
const isMove = (type: string) => type === 'mousemove' || type === 'mouseleave';

function scaleOf({ shape, series, max: top, isLog }: ChartCanvasProps): UPlot.Scale {
  if (shape === 'heat') return { range: () => [0, Math.max(1, series.length)] };
  if (isLog) return { distr: 3, log: 10, range: (_plot, min, max) => [...logRange(min, max)] };
  return { range: (_plot, _min, max) => [0, top ?? (max > 0 ? max * 1.08 : 1)] };
}

function optionsOf(latest: { readonly current: ChartCanvasProps }, zone: TimeZone, size: PlotSize): UPlot.Options {
  const props = latest.current;
  const minSpan = props.minSpanSeconds ?? defaultMinSpanSeconds;
  return {
    ...size,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: {
      y: false,
      drag: { setScale: false, x: props.onZoom !== undefined, y: false },
      points: { show: false },
      ...(props.syncKey === undefined ? {} : { sync: { key: props.syncKey, filters: { pub: isMove } } }),
    },
    scales: {
      x: {
        time: true,
        range: (plot) => [...timeSpan(plot.data[0], minSpan, Date.now() / 1000)],
      },
      y: scaleOf(props),
    },
    axes: axes({ ...props, zone }),
    series: [{}, ...seriesOptions(props)],
    hooks: {
      setCursor: [(plot) => latest.current.onIndex(plot.cursor.idx ?? undefined)],
      setSelect: [(plot) => zoomTo(plot, latest.current.onZoom)],
      draw: [
        (plot) => latest.current.drawing?.draw(plot, latest.current, resolveColor),
        (plot) => drawMarkers(plot, latest.current.markers),
      ],
    },
  };
}

/** The drawing of a Chart. Its own chunk: uPlot is loaded only where charts are shown. */
export function ChartCanvas(props: ChartCanvasProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<PlotView | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const zone = useTimeZone();
  const looks = `${useShownTheme()} ${zone} ${props.isLog}`;
  const shape = `${looks} ${props.shape} ${props.max ?? ''} ${props.series.map((s) => s.label + s.color).join()}`;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` names everything that needs a new plot; new data does not
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const data = () => dataOf(latest.current);
    const made = new PlotView({
      make: (size) => new UPlot(optionsOf(latest, zone, size), data(), element),
      data,
      soon: inTurn,
    });
    view.current = made;
    // It tells the first size too: asking the element for it would lay the page out anew for each chart.
    const observer = new ResizeObserver((entries) => made.fit((entries.at(-1) as ResizeObserverEntry).contentRect));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.end();
    };
  }, [shape]);

  useEffect(() => view.current?.show([props.x, props.markers, ...props.series.map(({ values }) => values)]));

  return (
    <div
      ref={host}
      role="img"
      aria-label={`Chart: ${props.title}. The table view has the numbers.`}
      // Drawn for another width until its turn comes, it must not widen the page.
      className="size-full overflow-clip"
    />
  );
}
