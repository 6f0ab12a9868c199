import type { ChartSeries } from './chart.tsx';
import { DateTime } from './date-time.tsx';
import { ScrollArea } from './scroll-area.tsx';

export interface ChartTableProps {
  readonly label: string;
  readonly x: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number | null) => string;
}

/** The numbers of a chart, newest first; steps of which nothing is known are left out. */
export function ChartTable({ label, x, series, format }: ChartTableProps) {
  const rows = x
    .map((seconds, index) => ({ seconds, values: series.map((item) => item.values[index] ?? null) }))
    .filter((row) => row.values.some((value) => value !== null))
    .reverse();
  return (
    <ScrollArea label={`${label} as a table`} className="h-full overflow-auto">
      <table className="tabular w-full text-xs">
        <thead className="sticky top-0 bg-surface text-faint">
          <tr>
            <th scope="col" className="py-1 text-left font-medium">
              Time
            </th>
            {series.map((item) => (
              <th key={item.label} scope="col" className="py-1 pl-3 text-right font-medium">
                {item.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.seconds} className="border-t border-line">
              <td className="py-1 whitespace-nowrap">
                <DateTime at={new Date(row.seconds * 1000).toISOString()} />
              </td>
              {row.values.map((value, index) => (
                <td key={series[index]?.label} className="py-1 pl-3 text-right">
                  {format(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className="py-4 text-center text-sm text-faint">Nothing in this range</p>}
    </ScrollArea>
  );
}
