import type { Logger } from '../../core/ports/logger.ts';
import type { MetricPointRecord, MetricPointStore } from '../../core/ports/store.ts';
import { Measurement } from './measurement.ts';
import type { Measured } from './recent-seconds.ts';

/** Stored points of [from, to), decoded. A damaged one is left out and logged: one bad row must not hide a month. */
export async function readPoints(
  store: Pick<MetricPointStore, 'query'>,
  filter: Parameters<MetricPointStore['query']>[0],
  logger: Logger,
): Promise<Measured[]> {
  const found: Measured[] = [];
  for (const record of await store.query(filter)) {
    if (record.at < filter.from || record.at >= filter.to) continue;
    try {
      found.push({
        functionId: record.functionId,
        version: record.version,
        at: record.at,
        measurement: Measurement.decode(record.data),
      });
    } catch (error) {
      warnOfDamage(logger, record, error);
    }
  }
  return found;
}

export function warnOfDamage(
  logger: Logger,
  { functionId, version, stepMs, at }: MetricPointRecord,
  error: unknown,
): void {
  logger.warn({ functionId, version, stepMs, at, err: error }, 'a stored metric point is damaged and left out');
}
