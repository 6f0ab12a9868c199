import { isDraft } from '../../shared/drafts.ts';
import type { MetricsSink } from '../core/ports/metrics-sink.ts';

/**
 * What people try in the editor is no traffic of the function: what happens to a draft reaches neither charts nor alerts, groups of errors, costs
 * or a collector of telemetry. Its invocations and log lines are recorded by others.
 */
export function withoutDrafts(sink: MetricsSink): MetricsSink {
  return {
    record: (event) => {
      if ('version' in event && isDraft(event.version)) return;
      sink.record(event);
    },
    flush: () => sink.flush(),
  };
}
