import { hourMs } from '../../../shared/durations.ts';
import type { FunctionId } from '../../../shared/ids.ts';
import { errorOfOutcome } from '../../../shared/invocation.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ErrorGroupId, ErrorGroupStore, ErrorOccurrences, ErrorTally } from '../../core/ports/error-groups.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricEvent } from '../../core/ports/metrics-sink.ts';
import { HourlyRoom } from '../hourly-room.ts';
import { PendingSums } from '../pending-sums.ts';
import { errorGroupId, topFrame } from './fingerprint.ts';

export interface ErrorGroupsOptions {
  readonly store: { readonly errorGroups: Pick<ErrorGroupStore, 'add'> };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** New groups of one function in an hour: code that makes up types and messages fills no disk. The rest go into one group. */
const maxGroupsPerHour = 100;
const maxTextChars = 8_192;

type Attempt = Extract<MetricEvent, { kind: 'invocation' }>;
/** Groups failed attempts by type, message and place, and writes the sums about once a second. Costs a success nothing. */
export class ErrorGroups {
  readonly #room = new HourlyRoom(maxGroupsPerHour);
  readonly #sums: PendingSums<ErrorGroupId, ErrorOccurrences>;

  constructor({ store, clock, logger }: ErrorGroupsOptions) {
    this.#sums = new PendingSums({
      clock,
      logger,
      name: 'groups of errors',
      keyOf: ({ id }) => id,
      add: sumOf,
      write: (batch) => store.errorGroups.add(batch),
    });
  }

  /** Failures that are in no group, because the store could not follow. */
  get dropped(): number {
    return this.#sums.dropped;
  }
  get storeFailures(): number {
    return this.#sums.failures;
  }

  /** Synchronous, never throws, bounded. Platform faults and cancelled calls are no errors of a function. */
  record(event: MetricEvent): void {
    if (event.kind !== 'invocation') return;
    const { kind } = event.report.outcome;
    if (kind === 'function-error' || kind === 'function-fault') this.#add(event);
  }

  /** Writes what is there. Never rejects: what the store refuses now is tried again with the next second. */
  flush(): Promise<void> {
    return this.#sums.flush();
  }

  /** Writes the rest, once. */
  close(): Promise<void> {
    return this.#sums.close();
  }

  #add({ at, version, report, invocation }: Attempt): void {
    const error = errorOfOutcome(report.outcome);
    if (error === undefined) return;
    const type = error.type.slice(0, 200);
    const stack = error.stack ?? '';
    const frame = topFrame(stack);
    const hourAt = Math.floor(at / hourMs) * hourMs;
    const id = errorGroupId(version.functionId, type, error.message, frame);
    const group = this.#room.has(version.functionId, at, id)
      ? { id, type, message: error.message.slice(0, maxTextChars), frame, stack: stack.slice(0, maxTextChars) }
      : overflowGroup(version.functionId);
    this.#sums.add({
      ...group,
      functionId: version.functionId,
      functionName: version.functionName,
      count: 1,
      firstSeenAt: at,
      lastSeenAt: at,
      firstVersion: version.version,
      lastVersion: version.version,
      lastInvocationId: invocation.id,
      tallies: [{ version: version.version, hourAt, count: 1 }],
    });
  }
}

function overflowGroup(functionId: FunctionId): Pick<ErrorOccurrences, 'id' | 'type' | 'message' | 'frame' | 'stack'> {
  const type = 'many-different-errors';
  const message = `more than ${maxGroupsPerHour} different errors in an hour; the others are counted here`;
  return { id: errorGroupId(functionId, type, message, ''), type, message, frame: '', stack: '' };
}

function sumOf(older: ErrorOccurrences, newer: ErrorOccurrences): ErrorOccurrences {
  const tallies: ErrorTally[] = [...older.tallies];
  for (const tally of newer.tallies) {
    const at = tallies.findIndex((known) => known.version === tally.version && known.hourAt === tally.hourAt);
    const known = tallies[at];
    if (known === undefined) tallies.push(tally);
    else tallies[at] = { ...known, count: known.count + tally.count };
  }
  const { firstSeenAt, firstVersion } = older;
  return { ...newer, firstSeenAt, firstVersion, count: older.count + newer.count, tallies };
}
