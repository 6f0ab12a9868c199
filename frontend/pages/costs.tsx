import { useQuery } from '@tanstack/react-query';
import { Coins } from 'lucide-react';
import { useState } from 'react';
import type { Cost } from '../../shared/api/cost.ts';
import { costQueries } from '../api/alerts.ts';
import { useApi } from '../api/context.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { QueryView } from '../components/query-view.tsx';
import { WasteCard } from '../components/waste-card.tsx';
import { PricesDialog } from '../forms/prices-dialog.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Select } from '../ui/field.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { counted, formatBytes, formatCount, formatPercent } from '../util/format.ts';

type Row = Cost['items'][number];
const ranges = [
  { value: '1', label: 'Last 24 hours' },
  { value: '7', label: 'Last 7 days' },
  { value: '30', label: 'Last 30 days' },
  { value: '90', label: 'Last 90 days' },
];

/** Small sums keep their digits: calls are cheap one by one. */
function money(value: number, currency: string): string {
  if (value > 0 && value < 1e-6) return `<0.000001 ${currency}`;
  const digits = value !== 0 && value < 0.01 ? 6 : 2;
  return `${value.toFixed(digits)} ${currency}`;
}

function columns(currency: string): readonly TableColumn<Row>[] {
  return [
    { id: 'name', label: 'Function', cell: (row) => <span className="font-medium">{row.functionName}</span> },
    { id: 'calls', label: 'Calls', isNumber: true, cell: (row) => formatCount(row.invocations) },
    {
      id: 'warm',
      label: 'Warm',
      isNumber: true,
      isSecondary: true,
      cell: (row) => (row.invocations === 0 ? '–' : formatPercent(1 - row.coldStarts / row.invocations)),
    },
    { id: 'cpu', label: 'CPU, s', isNumber: true, cell: (row) => formatCount(row.cpuSeconds) },
    { id: 'memory', label: 'Memory, MiB s', isNumber: true, cell: (row) => formatCount(row.mbSeconds) },
    { id: 'out', label: 'Sent', isNumber: true, isSecondary: true, cell: (row) => formatBytes(row.egressBytes) },
    { id: 'cost', label: 'Elsewhere', isNumber: true, cell: (row) => money(row.elsewhere.total, currency) },
  ];
}

export function CostsPage() {
  const api = useApi();
  const [days, setDays] = useState('7');
  const [isPricing, setIsPricing] = useState(false);
  const query = useQuery(costQueries.costs(api, Number(days)));
  return (
    <>
      <PageHeader
        title="Costs"
        note="What functions used, and what the same calls would cost elsewhere."
        actions={
          <>
            <Select
              aria-label="Range"
              options={ranges}
              value={days}
              onChange={(event) => setDays(event.target.value)}
            />
            <Button
              onClick={() => setIsPricing(true)}
              disabledReason={query.data === undefined ? 'Loading' : undefined}
            >
              Prices
            </Button>
          </>
        }
      />
      <QueryView query={query} lines={6}>
        {({ items, total, prices }) => (
          <div className="flex flex-col gap-4">
            <Card>
              <p className="text-sm text-muted">
                {counted(total.invocations, 'call')}, {formatCount(total.cpuSeconds)} s of CPU time,{' '}
                {formatBytes(total.egressBytes)} sent. At {prices.name}:
              </p>
              <p className="tabular mt-1 text-2xl font-semibold">{money(total.elsewhere.total, prices.currency)}</p>
              <p className="tabular mt-1 text-sm text-muted">
                requests {money(total.elsewhere.requests, prices.currency)}, duration{' '}
                {money(total.elsewhere.duration, prices.currency)}, data out{' '}
                {money(total.elsewhere.egress, prices.currency)}
              </p>
            </Card>
            <Card isFlush>
              {items.length === 0 ? (
                <EmptyState icon={<Coins />} title="No calls in this time">
                  Once functions are called, each has a line here.
                </EmptyState>
              ) : (
                <Table
                  label="Costs by function"
                  columns={columns(prices.currency)}
                  rows={items}
                  rowKey={(row) => row.functionName}
                />
              )}
            </Card>
            <WasteCard />
          </div>
        )}
      </QueryView>
      {isPricing && query.data !== undefined && (
        <PricesDialog prices={query.data.prices} onClose={() => setIsPricing(false)} />
      )}
    </>
  );
}
