import { useQuery } from '@tanstack/react-query';
import type { PoolDocument } from '../../shared/api/system.ts';
import { MiB } from '../../shared/limits.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { formatBytes, formatCount } from '../util/format.ts';
import { instanceCounts } from '../util/instance-counts.ts';

type Instance = PoolDocument['instances'][number];

/** More bars than this say less than their number. */
const shownInstances = 6;

const states = [
  { key: 'busy', label: 'Busy', color: '--series-1' },
  { key: 'idle', label: 'Idle', color: '--series-4' },
  { key: 'starting', label: 'Starting', color: '--series-2' },
  { key: 'ending', label: 'Ending', color: '--series-3' },
] as const;

/** One bar of parts against a limit; the text beside it says the same. */
function Bar(props: {
  readonly parts: readonly { readonly key: string; readonly value: number; readonly color: string }[];
  readonly limit: number;
}) {
  return (
    <div aria-hidden="true" className="flex h-2.5 overflow-hidden rounded-sm bg-raised">
      {props.parts.map(({ key, value, color }) => (
        <span
          key={key}
          style={{ width: `${Math.min(1, value / Math.max(1, props.limit)) * 100}%`, background: `var(${color})` }}
        />
      ))}
    </div>
  );
}

function Row(props: { readonly name: string; readonly value: string; readonly children: React.ReactNode }) {
  return (
    <div className="flex flex-col gap-1.5 border-b border-line py-2.5 first:pt-0 last:border-0 last:pb-0">
      <p className="flex items-baseline justify-between gap-3 text-sm">
        <span className="text-muted">{props.name}</span>
        <span className="tabular text-right font-medium">{props.value}</span>
      </p>
      {props.children}
    </div>
  );
}

function Memory({ instances, limitBytes }: { readonly instances: readonly Instance[]; readonly limitBytes: number }) {
  const largest = instances.toSorted((a, b) => b.memoryBytes - a.memoryBytes);
  const rest = largest.length - shownInstances;
  return (
    <Row
      name="Memory of each"
      value={`${formatBytes(largest[0]?.memoryBytes ?? null)} at most, of ${formatBytes(limitBytes)}`}
    >
      {largest.slice(0, shownInstances).map(({ id, memoryBytes }) => (
        <Bar
          key={id}
          limit={limitBytes}
          parts={[
            {
              key: 'memory',
              value: memoryBytes,
              color: memoryBytes >= 0.9 * limitBytes ? '--series-3' : '--series-1',
            },
          ]}
        />
      ))}
      {rest > 0 && <p className="text-xs text-faint">and {rest} with less</p>}
    </Row>
  );
}

/** Instances and calls in flight at this moment, of all versions, against what the version that is live allows. */
export function InstancesCard(props: { readonly functionName: string; readonly config: VersionConfig | undefined }) {
  const { data } = useQuery(queries.pools(useApi()));
  const { config } = props;
  if (data === undefined || config === undefined) return null;
  const pools = data.pools.filter((pool) => pool.functionName === props.functionName);
  const instances = pools.flatMap((pool) => pool.instances);
  const counts = instanceCounts(instances);
  const waiting = pools.reduce((sum, pool) => sum + pool.waiting, 0);
  const inFlight = instances.reduce((sum, instance) => sum + instance.inFlight, 0);
  const mostInFlight = Math.min(
    config.maxConcurrency ?? Number.POSITIVE_INFINITY,
    config.maxInstances * config.concurrency,
  );
  return (
    <Card title="Instances" note="now, of all versions">
      <Row name="Instances" value={`${instances.length} of ${formatCount(config.maxInstances)}`}>
        <Bar limit={config.maxInstances} parts={states.map(({ key, color }) => ({ key, color, value: counts[key] }))} />
        <ul className="flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
          {states
            .filter(({ key }) => key !== 'ending' || counts.ending > 0)
            .map(({ key, label, color }) => (
              <li key={key} className="flex items-center gap-1.5">
                <span aria-hidden="true" className="size-2 rounded-sm" style={{ background: `var(${color})` }} />
                {label} <span className="tabular font-medium text-text">{counts[key]}</span>
              </li>
            ))}
        </ul>
      </Row>
      <Row
        name="Calls in flight"
        value={`${formatCount(inFlight)} of ${formatCount(mostInFlight)}${waiting === 0 ? '' : `, ${formatCount(waiting)} wait`}`}
      >
        <Bar limit={mostInFlight} parts={[{ key: 'calls', value: inFlight, color: '--series-1' }]} />
      </Row>
      {instances.length > 0 && <Memory instances={instances} limitBytes={config.memoryMb * MiB} />}
    </Card>
  );
}
