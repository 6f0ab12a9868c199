import type { FunctionId } from '../../../shared/ids.ts';
import { errorOfOutcome } from '../../../shared/invocation.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ErrorGroupId, ErrorGroupStore, ErrorOccurrences, ErrorTally } from '../../core/ports/error-groups.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricEvent } from '../../core/ports/metrics-sink.ts';
import { errorGroupId, topFrame } from './fingerprint.ts';

export interface ErrorGroupsOptions {
  readonly store: { readonly errorGroups: Pick<ErrorGroupStore, 'add'> };
  readonly clock: Clock;
  readonly logger: Logger;
  /** 1,000 when left out. */
  readonly flushIntervalMs?: number;
}

const hourMs = 3_600_000;
/** Groups that wait to be written; more are counted as dropped. */
const maxPending = 2_000;
/** New groups of one function in an hour: code that makes up types and messages fills no disk. The rest go into one group. */
const maxGroupsPerHour = 100;
const maxFunctions = 2_000;
const maxTextChars = 8_192;

type Attempt = Extract<MetricEvent, { kind: 'invocation' }>;
/** What an hour of one function has shown so far. */
interface Seen {
  readonly hourAt: number;
  readonly ids: Set<ErrorGroupId>;
}

/** Groups failed attempts by type, message and place, and writes the sums about once a second. Costs a success nothing. */
export class ErrorGroups {
  readonly #options: ErrorGroupsOptions;
  #pending = new Map<ErrorGroupId, ErrorOccurrences>();
  readonly #seen = new Map<FunctionId, Seen>();
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();
  #dropped = 0;
  #failures = 0;
  #isClosed = false;

  constructor(options: ErrorGroupsOptions) {
    this.#options = options;
  }

  /** Failures that are in no group, because the store could not follow. */
  get dropped(): number {
    return this.#dropped;
  }
  get storeFailures(): number {
    return this.#failures;
  }

  /** Synchronous, never throws, bounded. Platform faults and cancelled calls are no errors of a function. */
  record(event: MetricEvent): void {
    if (event.kind !== 'invocation') return;
    const { kind } = event.report.outcome;
    if (kind === 'function-error' || kind === 'function-fault') this.#add(event);
  }

  /** Writes what is there. Never rejects: what the store refuses now is tried again with the next second. */
  flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Writes the rest, once. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.flush();
  }

  #add({ at, version, report, invocation }: Attempt): void {
    const error = errorOfOutcome(report.outcome);
    if (error === undefined) return;
    const type = error.type.slice(0, 200);
    const stack = error.stack ?? '';
    const frame = topFrame(stack);
    const hourAt = Math.floor(at / hourMs) * hourMs;
    const id = errorGroupId(version.functionId, type, error.message, frame);
    const group = this.#isRoomFor(version.functionId, hourAt, id)
      ? { id, type, message: error.message.slice(0, maxTextChars), frame, stack: stack.slice(0, maxTextChars) }
      : overflowGroup(version.functionId);
    const known = this.#pending.get(group.id);
    if (known === undefined && this.#pending.size >= maxPending) {
      this.#dropped++;
      return;
    }
    const fresh: ErrorOccurrences = {
      ...group,
      functionId: version.functionId,
      functionName: version.functionName,
      count: 1,
      firstSeenAt: at,
      lastSeenAt: at,
      lastInvocationId: invocation.id,
      tallies: [{ version: version.version, hourAt, count: 1 }],
    };
    this.#pending.set(group.id, known === undefined ? fresh : sumOf(known, fresh));
    if (!this.#isClosed) this.#arm();
  }

  #isRoomFor(functionId: FunctionId, hourAt: number, id: ErrorGroupId): boolean {
    let seen = this.#seen.get(functionId);
    if (seen === undefined || seen.hourAt !== hourAt) {
      if (this.#seen.size >= maxFunctions) this.#seen.clear();
      seen = { hourAt, ids: new Set() };
      this.#seen.set(functionId, seen);
    }
    if (seen.ids.has(id)) return true;
    if (seen.ids.size >= maxGroupsPerHour) return false;
    seen.ids.add(id);
    return true;
  }

  #arm(): void {
    this.#cancelTimer ??= this.#options.clock.after(this.#options.flushIntervalMs ?? 1_000, () => {
      this.flush().catch(() => undefined);
    });
  }

  async #write(): Promise<void> {
    if (this.#pending.size === 0) return;
    const batch = this.#pending;
    this.#pending = new Map();
    try {
      await this.#options.store.errorGroups.add([...batch.values()]);
    } catch (error) {
      this.#failures++;
      this.#options.logger.error({ err: error }, 'groups of errors could not be written; trying again');
      for (const [id, older] of batch) {
        const newer = this.#pending.get(id);
        this.#pending.set(id, newer === undefined ? older : sumOf(older, newer));
      }
      if (!this.#isClosed) this.#arm();
    }
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
  return { ...newer, firstSeenAt: older.firstSeenAt, count: older.count + newer.count, tallies };
}
