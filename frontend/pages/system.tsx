import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { DriverDocument, Pools, RuntimeDocument, SystemDocument } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { HostCharts } from '../components/host-charts.tsx';
import { HostFacts } from '../components/host-facts.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { PoolDecisions, RuntimeImages } from '../components/pool-decisions.tsx';
import { QueryView } from '../components/query-view.tsx';
import { RangePicker } from '../components/range-picker.tsx';
import { runtimeName } from '../components/runtime-badge.tsx';
import { useDeploymentMarkers } from '../components/use-chart-series.ts';
import { paths } from '../path-builder.ts';
import { Ago } from '../ui/ago.tsx';
import { Badge, Dot, type Tone } from '../ui/badge.tsx';
import { Callout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table } from '../ui/table.tsx';
import { formatBytes, formatCount, formatMs } from '../util/format.ts';
import { useNow, useTimeRange } from '../util/hooks.ts';
import { limitName, limitText } from '../util/system.ts';
import { versionText } from '../util/version-text.ts';

const statusTones: Readonly<Record<DriverDocument['status'], Tone>> = {
  healthy: 'ok',
  unhealthy: 'danger',
  undetected: 'neutral',
};

function Reason({ reason, fix }: { readonly reason: string | null; readonly fix: string | null }) {
  if (reason === null && fix === null) return null;
  return (
    <div className="mt-1 text-sm">
      {reason !== null && <p className="text-muted">{reason}</p>}
      {fix !== null && (
        <p>
          <span className="font-medium">Fix:</span> {fix}
        </p>
      )}
    </div>
  );
}

function Driver({ driver }: { readonly driver: DriverDocument }) {
  const tone = statusTones[driver.status];
  return (
    <li className="border-b border-line py-3 first:pt-0 last:border-0 last:pb-0">
      <div className="flex flex-wrap items-center gap-2">
        <Dot tone={tone} />
        <strong className="font-semibold">{driver.name}</strong>
        <Badge tone={tone}>{driver.status}</Badge>
        {driver.tier !== null && <Badge tone={driver.tier === 'strict' ? 'ok' : 'warn'}>tier {driver.tier}</Badge>}
        {driver.isDefault && <Badge tone="accent">default</Badge>}
        <span className="ml-auto text-xs text-faint">
          {driver.isolation}
          {driver.version !== null && ` · ${driver.version}`}
        </span>
      </div>
      <Reason reason={driver.reason} fix={driver.fix} />
      {driver.status === 'healthy' && (
        <p className="mt-1 text-xs text-muted">
          Enforces: {driver.enforces.length === 0 ? 'no limits' : driver.enforces.join(', ')}
        </p>
      )}
      {driver.notes.length > 0 && (
        <ul className="mt-1 list-disc pl-4 text-xs text-muted">
          {driver.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </li>
  );
}

function Runtime({ runtime }: { readonly runtime: RuntimeDocument }) {
  const isThere = runtime.status === 'available';
  return (
    <li className="border-b border-line py-2 first:pt-0 last:border-0 last:pb-0">
      <div className="flex items-center gap-2">
        <Dot tone={isThere ? 'ok' : 'neutral'} />
        <strong className="font-semibold">{runtimeName(runtime.name)}</strong>
        <span className="ml-auto text-xs text-faint">{isThere ? (runtime.version ?? 'available') : 'missing'}</span>
      </div>
      <Reason reason={runtime.reason} fix={runtime.fix} />
    </li>
  );
}

function Facts({ rows }: { readonly rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="tabular text-sm">
      {rows.map(([name, value]) => (
        <div
          key={name}
          className="flex min-h-7 items-center justify-between gap-4 border-b border-line py-0.5 last:border-0"
        >
          <dt className="text-muted">{name}</dt>
          <dd className="text-right break-all">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Instances({ pools }: { readonly pools: Pools }) {
  const now = useNow(3000);
  const rows = pools.pools.flatMap((pool) =>
    pool.instances.map((instance) => ({ ...instance, functionName: pool.functionName, version: pool.version })),
  );
  if (rows.length === 0) {
    return (
      <EmptyState title="No instance is running">
        Instances start with the first call and end when they were idle for a while.
      </EmptyState>
    );
  }
  return (
    <Table
      label="Instances"
      rows={rows}
      rowKey={(row) => row.id}
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
        {
          id: 'state',
          label: 'State',
          cell: (row) => (
            <Badge tone={row.state === 'busy' ? 'info' : row.state === 'idle' ? 'ok' : 'neutral'}>{row.state}</Badge>
          ),
        },
        { id: 'flight', label: 'In flight', isNumber: true, cell: (row) => row.inFlight },
        { id: 'start', label: 'Start', isSecondary: true, cell: (row) => row.start },
        { id: 'calls', label: 'Calls', isNumber: true, cell: (row) => formatCount(row.invocations) },
        { id: 'memory', label: 'Memory', isNumber: true, cell: (row) => formatBytes(row.memoryBytes) },
        {
          id: 'peak',
          label: 'Peak',
          isNumber: true,
          isSecondary: true,
          cell: (row) => formatBytes(row.peakMemoryBytes),
        },
        { id: 'cpu', label: 'CPU', isNumber: true, isSecondary: true, cell: (row) => formatMs(row.cpuMs) },
        {
          id: 'age',
          label: 'Started',
          isNumber: true,
          isSecondary: true,
          cell: (row) => <Ago at={row.createdAt} now={now} />,
        },
      ]}
    />
  );
}

function Details({ system }: { readonly system: SystemDocument }) {
  const now = useNow();
  return (
    <>
      {system.warnings.map((warning) => (
        <Callout key={warning} tone="warn" title={warning} />
      ))}
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          <Card title="Isolation drivers" note="what this host can give">
            <ul>
              {system.drivers.map((driver) => (
                <Driver key={driver.name} driver={driver} />
              ))}
            </ul>
          </Card>
          <Card title="Platform">
            <Facts
              rows={[
                ['Version', system.version],
                ['Node.js', system.nodeVersion],
                ['Started', <Ago key="started" at={system.startedAt} now={now} />],
                ['Dashboard and API', system.controlUrl],
                ['Gateway', system.gatewayUrl],
                ['Default isolation', system.defaultIsolation],
              ]}
            />
          </Card>
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <HostFacts />
          <Card title="Runtimes">
            <ul>
              {system.runtimes.map((runtime) => (
                <Runtime key={runtime.name} runtime={runtime} />
              ))}
            </ul>
          </Card>
        </div>
      </div>
    </>
  );
}

function Limits({ limits }: Pick<SystemDocument, 'limits'>) {
  return (
    <Card title="Limits" note="of this installation">
      <dl className="tabular gap-x-8 text-sm sm:columns-2 xl:columns-3">
        {Object.entries(limits).map(([name, value]) => (
          <div
            key={name}
            className="flex min-h-7 break-inside-avoid items-center justify-between gap-4 border-b border-line py-0.5"
          >
            <dt className="text-muted">{limitName(name)}</dt>
            <dd className="text-right break-all">{limitText(name, value)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

export function SystemPage() {
  const api = useApi();
  const system = useQuery(queries.system(api));
  const pools = useQuery(queries.pools(api));
  const [range] = useTimeRange();
  const [isFollowing, setIsFollowing] = useState(true);
  const isLive = isFollowing && range.fixed === undefined;
  const markers = useDeploymentMarkers(range, undefined);
  const waiting =
    pools.data?.preWarmed
      .map((item) => `${item.count} × ${runtimeName(item.runtime)} (${item.isolation})`)
      .join(', ') ?? '';
  return (
    <>
      <PageHeader
        title="System"
        note="Isolation, runtimes, instances and limits of this machine."
        actions={<RangePicker isLive={isLive} onLive={setIsFollowing} />}
      />
      <div className="flex flex-col gap-4">
        <QueryView query={system} lines={10}>
          {(document) => <Details system={document} />}
        </QueryView>
        {/* It is asked for at once, and seen when what is above it has its height. */}
        <div hidden={system.isPending} className="flex flex-col gap-4">
          <div className="grid gap-4 lg:grid-cols-2">
            <HostCharts range={range} isLive={isLive} markers={markers} syncKey="system" isWhole />
          </div>
          <Card title="Instances" note={waiting === '' ? 'live' : `pre-warmed: ${waiting}`} isFlush>
            <div className={pools.data === undefined ? 'p-4' : ''}>
              <QueryView query={pools} lines={4}>
                {(data) => <Instances pools={data} />}
              </QueryView>
            </div>
          </Card>
          {pools.data !== undefined && <PoolDecisions pools={pools.data.pools} />}
          <RuntimeImages />
          {system.data !== undefined && <Limits limits={system.data.limits} />}
        </div>
      </div>
    </>
  );
}
