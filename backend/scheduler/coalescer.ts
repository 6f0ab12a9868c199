import type { PlatformError } from '../../shared/errors.ts';
import type { VersionId } from '../../shared/ids.ts';
import type { InvocationReport } from '../core/invocation.ts';
import { batchWaitMs } from '../core/policies/batch-window.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { InstancePool, InstanceResult, Lease } from '../core/ports/instance-pool.ts';
import type { VersionSpec } from '../core/version.ts';
import { asPlatformError } from './reports.ts';
import type { Run } from './run.ts';

export interface CoalescerOptions {
  readonly pool: InstancePool;
  readonly clock: Clock;
  /** Told when calls go to an instance together: `waitMs` is how long the first of them waited for company and a slot. */
  readonly onBatch: (version: VersionSpec, size: number, waitMs: number) => void;
  /** Makes the report of a run that ran; called after the lease is released. */
  readonly completed: (run: Run, lease: Lease, result: InstanceResult) => InvocationReport;
  /** Makes the report of one that did not (`undefined`: it gave up waiting), or throws. */
  readonly failed: (run: Run, error: PlatformError | undefined) => InvocationReport;
}

interface Member {
  readonly run: Run;
  readonly report: Promise<InvocationReport>;
  readonly resolve: (report: InvocationReport) => void;
  readonly reject: (error: unknown) => void;
  /** Stops its deadline and its signal. */
  stopWaiting: () => void;
}

/** Calls of one version that wait for the same lease. */
interface Group {
  readonly version: VersionSpec;
  readonly members: Set<Member>;
  /** Of their request bodies. */
  bytes: number;
  /** Aborts the wait for a lease when nobody is left. */
  readonly giveUp: AbortController;
  isAcquiring: boolean;
  /** Slots of the lease that was asked for last. */
  slots: number;
  cancelWindow: (() => void) | undefined;
  /** Clock.monotonic() at which the window is over. */
  windowEndsMs: number;
}

/**
 * Lets calls that wait anyway travel together. A call that finds a free slot goes at once and alone. Otherwise it joins the group of its
 * version, which leaves with the first slot that becomes free; when the window is over it asks the pool for an instance, and goes on
 * growing until it has one. A batch holds as many slots as it has members, as far as an instance has that many.
 */
export class Coalescer {
  readonly #options: CoalescerOptions;
  /** The group that still takes members. */
  readonly #open = new Map<VersionId, Group>();

  constructor(options: CoalescerOptions) {
    this.#options = options;
  }

  /** A body that is still arriving cannot travel in a batch, nor one that is larger than a batch may be. */
  takes(run: Run): boolean {
    return !run.hasStreamingBody && run.bodyBytes <= run.version.config.batch.maxBytes;
  }

  run(run: Run): Promise<InvocationReport> {
    const { versionId } = run.version;
    const group = this.#open.get(versionId);
    const member = memberOf(run);
    const lease = group === undefined ? this.#options.pool.tryAcquire(run.version) : undefined;
    if (lease !== undefined) this.#send([member], lease);
    else this.#join(this.#groupFor(member), member);
    return member.report;
  }

  /** A call of this version ended: a group that still waits for company goes now. */
  slotFreed(versionId: VersionId): void {
    const group = this.#open.get(versionId);
    if (group === undefined || group.isAcquiring) return;
    const lease = this.#options.pool.tryAcquire(group.version, this.#ask(group));
    if (lease !== undefined) this.#leave(group, lease);
  }

  /** The open group if the member fits in; else that one goes on without it, and the member opens the next. */
  #groupFor(member: Member): Group {
    const { version, bodyBytes } = member.run;
    const group = this.#open.get(version.versionId);
    if (group === undefined) return this.#newGroup(version);
    if (group.bytes + bodyBytes <= version.config.batch.maxBytes) return group;
    this.#close(group);
    this.#acquire(group);
    return this.#newGroup(version);
  }

  #newGroup(version: VersionSpec): Group {
    const group: Group = {
      version,
      members: new Set(),
      bytes: 0,
      giveUp: new AbortController(),
      isAcquiring: false,
      slots: 1,
      cancelWindow: undefined,
      windowEndsMs: Number.POSITIVE_INFINITY,
    };
    this.#open.set(version.versionId, group);
    return group;
  }

  #join(group: Group, member: Member): void {
    group.members.add(member);
    group.bytes += member.run.bodyBytes;
    this.#watch(group, member);
    if (!group.members.has(member)) return;
    if (group.members.size >= group.version.config.batch.maxSize) this.#close(group);
    this.#arm(group, member);
  }

  /** Asks for an instance now or when the window is over, whatever is right for the member that has the least time. */
  #arm(group: Group, member: Member): void {
    if (group.isAcquiring) return;
    const { clock } = this.#options;
    const isFull = this.#open.get(group.version.versionId) !== group;
    const { load, waitUntilAt } = member.run;
    const waitMs = batchWaitMs({
      windowMs: group.version.config.batch.windowMs,
      isIdle: isFull || load === undefined || load.inFlight <= group.members.size,
      remainingMs: waitUntilAt - clock.now(),
      expectedMs: load?.expectedMs ?? 0,
    });
    const endsMs = clock.monotonic() + waitMs;
    if (waitMs === 0) this.#acquire(group);
    else if (endsMs < group.windowEndsMs) {
      group.cancelWindow?.();
      group.windowEndsMs = endsMs;
      group.cancelWindow = clock.after(waitMs, () => this.#acquire(group));
    }
  }

  #acquire(group: Group): void {
    if (group.isAcquiring || group.members.size === 0) return;
    group.isAcquiring = true;
    group.cancelWindow?.();
    this.#options.pool.acquire(group.version, group.giveUp.signal, this.#ask(group)).then(
      (lease) => this.#leave(group, lease),
      (error: unknown) => this.#failAll(group, asPlatformError(error)),
    );
  }

  /** The group goes with this lease; members beyond its slots form the next group. */
  #leave(group: Group, lease: Lease): void {
    group.cancelWindow?.();
    this.#close(group);
    const members = [...group.members];
    group.members.clear();
    for (const member of members) member.stopWaiting();
    if (members.length === 0) {
      lease.release('healthy');
      return;
    }
    const { concurrency } = group.version.config;
    const count = concurrency === 1 ? members.length : Math.min(members.length, group.slots);
    this.#send(members.slice(0, count), lease);
    for (const member of members.slice(count)) {
      this.#join(this.#groupFor(member), member);
    }
  }

  #send(members: readonly Member[], lease: Lease): void {
    const [first] = members;
    if (first === undefined) return;
    const now = this.#options.clock.monotonic();
    this.#options.onBatch(first.run.version, members.length, Math.max(0, now - first.run.admittedMs));
    const calls = members.map(({ run }) => ({ invocation: run.invocation(), sink: run.sink, signal: run.signal }));
    const [only] = calls;
    const results =
      calls.length === 1 && only !== undefined ? [lease.instance.invoke(only)] : lease.instance.invokeBatch(calls);
    let left = members.length;
    for (const [index, member] of members.entries()) {
      const result = results[index];
      if (result === undefined) continue;
      // `invoke` never rejects.
      void result.then((value) => {
        if (--left === 0) lease.release('healthy');
        settle(member, () => this.#options.completed(member.run, lease, value));
      });
    }
  }

  #failAll(group: Group, error: PlatformError): void {
    this.#close(group);
    for (const member of [...group.members]) {
      member.stopWaiting();
      settle(member, () => this.#options.failed(member.run, error));
    }
    group.members.clear();
  }

  /** A member whose caller left or whose deadline passed leaves the group. */
  #giveUp(group: Group, member: Member): void {
    if (!group.members.delete(member)) return;
    group.bytes -= member.run.bodyBytes;
    member.stopWaiting();
    if (group.members.size === 0) {
      this.#close(group);
      group.cancelWindow?.();
      group.giveUp.abort();
    }
    settle(member, () => this.#options.failed(member.run, undefined));
  }

  /** The member leaves by itself at its deadline or when its caller does. */
  #watch(group: Group, member: Member): void {
    const { signal, waitUntilAt } = member.run;
    const { clock } = this.#options;
    const leave = () => this.#giveUp(group, member);
    const cancelTimer = clock.after(waitUntilAt - clock.now(), leave);
    signal.addEventListener('abort', leave, { once: true });
    member.stopWaiting = () => {
      cancelTimer();
      signal.removeEventListener('abort', leave);
    };
    if (signal.aborted) leave();
  }

  #ask(group: Group): number {
    group.slots = Math.min(group.members.size, group.version.config.concurrency);
    return group.slots;
  }

  #close(group: Group): void {
    const { versionId } = group.version;
    if (this.#open.get(versionId) === group) this.#open.delete(versionId);
  }
}

function memberOf(run: Run): Member {
  const { promise, resolve, reject } = Promise.withResolvers<InvocationReport>();
  return { run, report: promise, resolve, reject, stopWaiting: () => undefined };
}

function settle(member: Member, make: () => InvocationReport): void {
  try {
    member.resolve(make());
  } catch (error) {
    member.reject(error);
  }
}
