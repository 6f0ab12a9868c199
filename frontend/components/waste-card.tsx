import { useQuery } from '@tanstack/react-query';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { formatBytes, formatCount } from '../util/format.ts';
import { type Waste, wasteOf } from '../util/waste.ts';

const oneDigit = (value: number | null) => (value === null ? '–' : formatCount(Math.round(value * 10) / 10));

const columns: readonly TableColumn<Waste>[] = [
  { id: 'name', label: 'Function', cell: (row) => <span className="font-medium">{row.functionName}</span> },
  { id: 'busy', label: 'Busy now', isNumber: true, isSecondary: true, cell: (row) => formatBytes(row.busyBytes) },
  { id: 'idle', label: 'Idle now', isNumber: true, cell: (row) => formatBytes(row.idleBytes) },
  { id: 'kept', label: 'Kept idle, MiB h', isNumber: true, cell: (row) => oneDigit(row.idleMbHours) },
  { id: 'avoided', label: 'Starts avoided', isNumber: true, cell: (row) => formatCount(row.coldStartsAvoided) },
  {
    id: 'each',
    label: 'For each MiB h',
    isNumber: true,
    isSecondary: true,
    cell: (row) => oneDigit(row.avoidedPerMbHour),
  },
];

/** What is kept for calls that may come, and how often it was there for one. */
export function WasteCard() {
  const { data } = useQuery(queries.pools(useApi()));
  const rows = wasteOf(data?.pools ?? []);
  if (rows.length === 0) return null;
  return (
    <Card title="Kept for calls that may come" note="since the platform started" isFlush>
      <Table label="Memory of idle instances" columns={columns} rows={rows} rowKey={(row) => row.functionName} />
    </Card>
  );
}
