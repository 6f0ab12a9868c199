import { egressRefusalReasons } from '../../../shared/egress.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { MetricsSink } from '../../core/ports/metrics-sink.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { InstanceLogs } from './instance-logs.ts';

/** Targets of one instance that its log names. */
const maxTargets = 10;

export interface PacketRefusalsOptions {
  readonly version: VersionSpec;
  readonly logs: Pick<InstanceLogs, 'note'>;
  readonly metrics: Pick<MetricsSink, 'record'>;
  readonly clock: Clock;
}

/**
 * Takes the `address:port` to which packets of one instance were dropped: each time into the record of refused attempts, and into its log once per target, ten
 * at most.
 */
export function packetRefusals({ version, logs, metrics, clock }: PacketRefusalsOptions): (target: string) => void {
  const told = new Set<string>();
  const reason = 'not-public';
  return (target) => {
    metrics.record({ kind: 'egress-refused', at: clock.now(), version, host: target, reason });
    if (told.size === maxTargets || told.has(target)) return;
    told.add(target);
    const more = told.size === maxTargets ? ' [more of this instance are not written]' : '';
    logs.note(`egress to ${target} was refused: ${egressRefusalReasons[reason]}${more}`);
  };
}
