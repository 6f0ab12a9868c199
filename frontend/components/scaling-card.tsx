import { useQuery } from '@tanstack/react-query';
import type { PoolDocument } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { Fact } from '../ui/fact.tsx';
import { formatCount, formatMs } from '../util/format.ts';

const modes = {
  stable: 'Following the calls',
  panic: 'Calls have risen suddenly',
  zero: 'No calls to serve',
} as const satisfies Record<PoolDocument['scaling']['mode'], string>;

/** How many instances the version that is live has and should have, and why; how long idle ones stay, and what that was good for. */
export function ScalingCard({ functionName, version }: { readonly functionName: string; readonly version: number }) {
  const { data } = useQuery(queries.pools(useApi()));
  if (data === undefined) return null;
  const pool = data.pools.find((item) => item.functionName === functionName && item.version === version);
  if (pool === undefined) {
    return (
      <Card title="Scaling" note={`version ${version}`}>
        <p className="text-sm text-muted">
          No instance is there and none is planned: the version was not called since the platform started.
        </p>
      </Card>
    );
  }
  const { scaling, keepAlive, instances, waiting } = pool;
  const perMbHour = keepAlive.coldStartsAvoidedPerMbHour;
  const forEach = perMbHour === null ? 'nothing was idle yet' : `${perMbHour.toFixed(1)} for each MB kept for an hour`;
  return (
    <Card title="Scaling" note={`version ${version}, now`}>
      <dl>
        <Fact
          name={modes[scaling.mode]}
          value={`${instances.length} running, ${scaling.target} wanted${waiting === 0 ? '' : `, ${waiting} calls wait`}`}
          note={scaling.reason}
        />
        <Fact name="Idle instances are kept for" value={formatMs(keepAlive.keepAliveMs)} note={keepAlive.reason} />
        <Fact name="Cold starts avoided" value={formatCount(keepAlive.coldStartsAvoided)} note={forEach} />
      </dl>
    </Card>
  );
}
