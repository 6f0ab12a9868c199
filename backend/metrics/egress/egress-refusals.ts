import type { Clock } from '../../core/ports/clock.ts';
import { type EgressRefusalStore, type EgressRefusals, otherHosts } from '../../core/ports/egress-refusals.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricEvent } from '../../core/ports/metrics-sink.ts';
import { HourlyRoom } from '../hourly-room.ts';
import { PendingSums } from '../pending-sums.ts';

export interface EgressRefusalRecorderOptions {
  readonly store: { readonly egressRefusals: Pick<EgressRefusalStore, 'add'> };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Hosts of one function that are told apart in an hour. */
const maxHostsPerHour = 100;

/** Sums refused attempts to get out per function, host and reason, and writes the sums about once a second. */
export class EgressRefusalRecorder {
  readonly #room = new HourlyRoom(maxHostsPerHour);
  readonly #sums: PendingSums<string, EgressRefusals>;

  constructor({ store, clock, logger }: EgressRefusalRecorderOptions) {
    this.#sums = new PendingSums({
      clock,
      logger,
      name: 'refused attempts to get out',
      keyOf: ({ functionId, host, reason }) => `${functionId} ${reason} ${host}`,
      add: (older, newer) => ({ ...newer, firstAt: older.firstAt, count: older.count + newer.count }),
      write: (batch) => store.egressRefusals.add(batch),
    });
  }

  /** Sums that are nowhere, because the store could not follow. */
  get dropped(): number {
    return this.#sums.dropped;
  }
  get storeFailures(): number {
    return this.#sums.failures;
  }

  /** Synchronous, never throws, bounded. */
  record(event: MetricEvent): void {
    if (event.kind !== 'egress-refused') return;
    const { at, version, reason } = event;
    const { functionId } = version;
    const host = this.#room.has(functionId, at, event.host) ? event.host : otherHosts;
    this.#sums.add({ functionId, host, reason, version: version.version, count: 1, firstAt: at, lastAt: at });
  }

  /** Writes what is there. Never rejects. */
  flush(): Promise<void> {
    return this.#sums.flush();
  }

  /** Writes the rest, once. */
  close(): Promise<void> {
    return this.#sums.close();
  }
}
