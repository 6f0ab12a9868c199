import { useQuery } from '@tanstack/react-query';
import type { EgressRefusalDocument } from '../../shared/api/egress.ts';
import type { Metrics } from '../../shared/api/metrics.ts';
import type { Egress } from '../../shared/egress.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { Ago } from '../ui/ago.tsx';
import { Card } from '../ui/card.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { formatBytes, formatCount } from '../util/format.ts';
import { useNow } from '../util/hooks.ts';

function columns(now: number): readonly TableColumn<EgressRefusalDocument>[] {
  return [
    {
      id: 'host',
      label: 'Refused host',
      className: 'max-w-72 min-w-32',
      cell: ({ host, message }) => (
        <>
          <span className="font-mono break-all">{host === '*' ? 'other hosts' : host}</span>
          <p className="text-xs text-faint">{message}</p>
        </>
      ),
    },
    { id: 'version', label: 'Version', isNumber: true, isSecondary: true, cell: ({ version }) => `v${version}` },
    { id: 'count', label: 'Attempts', isNumber: true, cell: ({ count }) => formatCount(count) },
    { id: 'last', label: 'Last', isNumber: true, cell: ({ lastAt }) => <Ago at={lastAt} now={now} /> },
  ];
}

/** What a function sent and received by itself in the range, and what it tried to reach and may not. Nothing where it has no way out. */
export function EgressCard(props: {
  readonly functionName: string;
  readonly egress: Egress | undefined;
  readonly total: Metrics['total'];
}) {
  const now = useNow();
  const refusals = useQuery(queries.egressRefusals(useApi(), props.functionName)).data?.items ?? [];
  const { egress = 'none', total } = props;
  if (egress === 'none' && refusals.length === 0) return null;
  const note =
    egress === 'none' ? 'no way out' : egress === 'all' ? 'all public addresses' : `${egress.allow.length} on the list`;
  return (
    <Card title="Way out" note={note} className="md:col-span-2">
      <p className="tabular text-sm text-muted">
        <strong className="font-semibold text-text">{formatBytes(total?.networkSentBytes ?? 0)}</strong> sent and{' '}
        <strong className="font-semibold text-text">{formatBytes(total?.networkReceivedBytes ?? 0)}</strong> received in
        this range. {refusals.length === 0 && 'Nothing was refused.'}
      </p>
      {refusals.length > 0 && (
        <div className="mt-3">
          <Table
            label="Refused attempts to get out"
            columns={columns(now)}
            rows={refusals}
            rowKey={({ host, reason }) => `${reason} ${host}`}
          />
        </div>
      )}
    </Card>
  );
}
