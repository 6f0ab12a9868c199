import type UPlot from 'uplot';
import type { ChartDrawing, ChartProps } from '../ui/chart.tsx';
import { heatColor, heatShare } from '../util/heat.ts';

/** Shades between few and many; finer steps nobody tells apart. */
const heatLevels = 12;

/** A rectangle per step and row, the fullest the darkest. */
function drawHeat(plot: UPlot, { series, x }: ChartProps, resolveColor: (css: string) => string): void {
  const { ctx } = plot;
  const most = series.reduce((max, { values }) => values.reduce((a: number, value) => Math.max(a, value ?? 0), max), 0);
  const colors = Array.from({ length: heatLevels + 1 }, (_, level) => resolveColor(heatColor(level / heatLevels)));
  const step = (x[1] ?? 0) - (x[0] ?? 0);
  const left = (seconds: number) => Math.round(plot.valToPos(seconds, 'x', true));
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  ctx.clip();
  for (const [row, { values }] of series.entries()) {
    const bottom = Math.round(plot.valToPos(row, 'y', true));
    const top = Math.round(plot.valToPos(row + 1, 'y', true));
    for (const [index, value] of values.entries()) {
      const share = heatShare(value, most);
      const at = x[index];
      if (share === undefined || at === undefined) continue;
      ctx.fillStyle = colors[Math.round(share * heatLevels)] ?? '';
      ctx.fillRect(left(at), top, Math.max(1, left(at + step) - left(at)), bottom - top);
    }
  }
  ctx.restore();
}

/** From few to many, and what the column at the crosshair holds. */
function HeatLegend({ props, index }: { readonly props: ChartProps; readonly index: number | undefined }) {
  const column = index === undefined ? [] : props.series.map(({ values }) => values[index] ?? 0);
  const sum = column.reduce((total, value) => total + value, 0);
  const most = column.indexOf(Math.max(...column));
  return (
    <>
      <li className="flex items-center gap-1.5">
        few
        <span
          aria-hidden="true"
          className="inline-block h-2 w-12 rounded-sm"
          style={{ background: `linear-gradient(to right, ${heatColor(0)}, ${heatColor(1)})` }}
        />
        many
      </li>
      {index !== undefined && (
        <li>
          <span className="tabular font-medium text-text">{props.format(sum)}</span>
          {sum > 0 && <>, most in {props.series[most]?.label}</>}
        </li>
      )}
    </>
  );
}

/** Rows of cells, the fullest the darkest. */
export const heatDrawing: ChartDrawing = { draw: drawHeat, Legend: HeatLegend };
