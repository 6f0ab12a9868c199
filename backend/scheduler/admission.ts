import { mostInFlight } from '../../shared/config-conflicts.ts';
import { isDraft } from '../../shared/drafts.ts';
import { PlatformError } from '../../shared/errors.ts';
import type { FunctionId, VersionId } from '../../shared/ids.ts';
import { limits } from '../../shared/limits.ts';
import { shortNameOf } from '../../shared/names.ts';
import { FairQueue, type FairQueueTicket } from '../core/policies/fair-queue.ts';
import { HostPlaces, type PlaceHolder } from '../core/policies/host-places.ts';
import type { VersionSpec } from '../core/version.ts';
import type { SchedulerSettings } from './scheduler-settings.ts';

/** How busy one function is. */
export interface FunctionLoad extends PlaceHolder {
  /** Undefined: of a draft, for which nothing is reserved. */
  readonly functionId: FunctionId | undefined;
  /** Most invocations in flight, by the configuration of the version that was called last. */
  limit: number;
  /** Share of the host against other functions that wait. */
  weight: number;
  /** Moving average of the handler's time. */
  expectedMs: number;
}

export interface AdmissionOptions {
  readonly settings: Pick<SchedulerSettings, 'maxConcurrentInvocations' | 'maxQueued' | 'maxQueuedPerFunction'>;
  /** For the throttle metric. */
  readonly onThrottle: (functionName: string, limit: 'function' | 'queue') => void;
}

interface Entry {
  readonly load: FunctionLoad;
  readonly isBounded: boolean;
  readonly admit: (load: FunctionLoad) => void;
}

/** Weight of the newest call in the moving average of handler times. */
const newestWeight = 0.1;
/** Functions whose calls are slow get fewer of them: fairness is by time, within reason. */
const maxCostMs = 1000;
/** A small one: what a function may save up is what another's first call waits for. */
const quantumMs = 1;
/** Idle functions are forgotten when there are more than this. */
const maxLoads = 10_000;
const retryAfterSeconds = { min: 1, max: 60 } as const;

/**
 * Decides which calls run: at most `maxInstances x concurrency` and `maxConcurrency` of a function and `maxConcurrentInvocations` of
 * the host, of which functions may have some for themselves. The others wait in a bounded queue that is fair across functions (deficit round robin by expected handler time and weight).
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #loads = new Map<FunctionId | VersionId, FunctionLoad>();
  readonly #queue = new FairQueue<FunctionLoad, Entry>({
    costOf: ({ load }) => Math.min(maxCostMs, load.expectedMs),
    quantumOf: ({ weight }) => (quantumMs * weight) / limits.weight.default,
  });
  readonly #places: HostPlaces;
  #reserved: ReadonlyMap<FunctionId, number> = new Map();
  /** Waiting entries that count against the bounds. */
  #bounded = 0;
  readonly #boundedOf = new Map<FunctionLoad, number>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#places = new HostPlaces(options.settings.maxConcurrentInvocations);
  }

  /** The host's places; read only. */
  get places(): Pick<HostPlaces, 'total' | 'reserved' | 'taken'> {
    return this.#places;
  }

  get inFlight(): number {
    return this.#places.taken;
  }

  /** Synchronous calls that wait. */
  get queued(): number {
    return this.#bounded;
  }

  /** A place at once, or undefined: then `wait`. The hot path. */
  tryEnter(version: VersionSpec): FunctionLoad | undefined {
    const load = this.#loadOf(version);
    if (!this.#mayEnter(load)) return undefined;
    if (this.#queue.size > 0 && this.#queue.sizeOf(load) > 0) return undefined;
    this.#places.take(load);
    return load;
  }

  /** From now on these functions have so many places for themselves, and all others none. Who runs keeps running. */
  reserve(places: ReadonlyMap<FunctionId, number>): void {
    this.#reserved = places;
    this.#places.setReserved([...places.values()].reduce((sum, count) => sum + count, 0));
    for (const load of this.#loads.values()) this.#places.reserve(load, reservedFor(load, places));
    if (this.#queue.size > 0) this.#admitNext();
  }

  /**
   * Waits for a place; `admit` is called when there is one. Throws `throttled` (`concurrency_limit` or `queue_full`, with
   * Retry-After) when it is bounded and too many wait.
   */
  wait(version: VersionSpec, isBounded: boolean, admit: (load: FunctionLoad) => void): FairQueueTicket {
    const load = this.#loadOf(version);
    if (isBounded) this.#assertRoom(version, load);
    const entry: Entry = { load, isBounded, admit };
    const ticket = this.#queue.push(load, entry);
    this.#count(entry, 1);
    return {
      leave: () => {
        const left = ticket.leave();
        if (left) this.#count(entry, -1);
        return left;
      },
    };
  }

  /** Gives the place back and lets the next one in. */
  leave(load: FunctionLoad, handlerMs: number): void {
    load.expectedMs += (handlerMs - load.expectedMs) * newestWeight;
    this.#places.giveBack(load);
    if (this.#queue.size > 0) this.#admitNext();
  }

  #admitNext(): void {
    while (this.#places.taken < this.#places.total) {
      const entry = this.#queue.takeNext((load) => this.#mayEnter(load));
      if (entry === undefined) return;
      this.#count(entry, -1);
      this.#places.take(entry.load);
      entry.admit(entry.load);
    }
  }

  #mayEnter(load: FunctionLoad): boolean {
    return load.inFlight < load.limit && this.#places.isFreeFor(load);
  }

  #assertRoom(version: VersionSpec, load: FunctionLoad): void {
    const { maxQueued, maxQueuedPerFunction } = this.#options.settings;
    const ofFunction = this.#boundedOf.get(load) ?? 0;
    if (ofFunction >= maxQueuedPerFunction) {
      this.#options.onThrottle(version.functionName, 'function');
      const message = `${shortNameOf(version.functionName)} runs ${load.inFlight} calls of at most ${load.limit}, and ${ofFunction} wait; try again later or raise maxInstances, concurrency or maxConcurrency`;
      throw this.#throttled('concurrency_limit', message, load);
    }
    if (this.#bounded >= maxQueued) {
      this.#options.onThrottle(version.functionName, 'queue');
      throw this.#throttled(
        'queue_full',
        `the host is busy: ${this.#bounded} calls wait already; try again later`,
        load,
      );
    }
  }

  #throttled(code: string, message: string, load: FunctionLoad): PlatformError {
    const ahead = (this.#boundedOf.get(load) ?? 0) + 1;
    const seconds = Math.ceil((ahead * load.expectedMs) / Math.max(1, load.limit) / 1000);
    const clamped = Math.min(retryAfterSeconds.max, Math.max(retryAfterSeconds.min, seconds));
    return new PlatformError('throttled', code, message, { retryAfterSeconds: clamped });
  }

  #count(entry: Entry, change: 1 | -1): void {
    if (!entry.isBounded) return;
    this.#bounded += change;
    const now = (this.#boundedOf.get(entry.load) ?? 0) + change;
    if (now === 0) this.#boundedOf.delete(entry.load);
    else this.#boundedOf.set(entry.load, now);
  }

  #loadOf(version: VersionSpec): FunctionLoad {
    const { weight } = version.config;
    const limit = mostInFlight(version.config);
    // A draft neither takes the places of its function nor waits for them, and has no say in how many those are.
    const key = isDraft(version) ? version.versionId : version.functionId;
    const known = this.#loads.get(key);
    if (known !== undefined) {
      known.limit = limit;
      known.weight = weight;
      return known;
    }
    if (this.#loads.size >= maxLoads) this.#forgetIdle();
    const functionId = isDraft(version) ? undefined : version.functionId;
    const reserved = reservedFor({ functionId }, this.#reserved);
    const load: FunctionLoad = { functionId, inFlight: 0, reserved, limit, weight, expectedMs: 1 };
    this.#loads.set(key, load);
    return load;
  }

  #forgetIdle(): void {
    for (const [key, load] of this.#loads) {
      if (load.inFlight === 0 && this.#queue.sizeOf(load) === 0) this.#loads.delete(key);
    }
  }
}

function reservedFor(
  { functionId }: Pick<FunctionLoad, 'functionId'>,
  places: ReadonlyMap<FunctionId, number>,
): number {
  return functionId === undefined ? 0 : (places.get(functionId) ?? 0);
}
