import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { PoolDocument } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { Badge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { Table } from '../ui/table.tsx';
import { formatBytes, formatCount, formatMs } from '../util/format.ts';
import { versionText } from '../util/version-text.ts';
import { runtimeName } from './runtime-badge.tsx';

/** Why instances of each version are kept as long as they are. */
export function PoolDecisions({ pools }: { readonly pools: readonly PoolDocument[] }) {
  if (pools.length === 0) return null;
  return (
    <Card title="Keep-alive" note="what the pool decided, and why" isFlush>
      <Table
        label="Keep-alive"
        rows={pools}
        rowKey={(row) => `${row.functionName} ${row.version}`}
        columns={[
          {
            id: 'fn',
            label: 'Function',
            cell: (row) => (
              <Link to={paths.function(row.functionName)} className="font-medium text-text hover:underline">
                {row.functionName} <span className="font-normal text-faint">{versionText(row)}</span>
              </Link>
            ),
          },
          { id: 'basis', label: 'Basis', cell: (row) => <Badge>{row.keepAlive.basis}</Badge> },
          { id: 'keep', label: 'Kept for', isNumber: true, cell: (row) => formatMs(row.keepAlive.keepAliveMs) },
          {
            id: 'after',
            label: 'Started again after',
            isNumber: true,
            isSecondary: true,
            cell: (row) => (row.keepAlive.preWarmMs === 0 ? 'stays' : formatMs(row.keepAlive.preWarmMs)),
          },
          { id: 'waiting', label: 'Waiting', isNumber: true, isSecondary: true, cell: (row) => row.waiting },
          {
            id: 'samples',
            label: 'Idle times seen',
            isNumber: true,
            isSecondary: true,
            cell: (row) => formatCount(Math.round(row.keepAlive.samples)),
          },
          { id: 'why', label: 'Why', className: 'min-w-48', cell: (row) => row.keepAlive.reason },
        ]}
      />
    </Card>
  );
}

/** Images that runtimes are started from; nothing where no isolation level has images. */
export function RuntimeImages() {
  const api = useApi();
  const images = useQuery(queries.system(api)).data?.images ?? [];
  if (images.length === 0) return null;
  return (
    <Card title="Runtime images" isFlush>
      <Table
        label="Runtime images"
        rows={images}
        rowKey={(row) => row.reference}
        columns={[
          { id: 'runtime', label: 'Runtime', cell: (row) => runtimeName(row.runtime) },
          { id: 'driver', label: 'Isolation', cell: (row) => row.driver },
          {
            id: 'reference',
            label: 'Name',
            className: 'break-all',
            cell: (row) => <code className="font-mono text-xs">{row.reference}</code>,
          },
          {
            id: 'digest',
            label: 'Digest',
            isSecondary: true,
            cell: (row) => (
              <code className="font-mono text-xs" title={row.digest}>
                {row.digest.replace('sha256:', '').slice(0, 12)}
              </code>
            ),
          },
          { id: 'size', label: 'Size', isNumber: true, cell: (row) => formatBytes(row.sizeBytes) },
        ]}
      />
    </Card>
  );
}
