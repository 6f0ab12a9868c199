import { PlatformError } from '../../shared/errors.ts';
import type { FunctionId, InvocationId } from '../../shared/ids.ts';
import type { CancelSignal } from '../core/cancel-signal.ts';
import type { Invocation, InvocationReport, ResponseSink } from '../core/invocation.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { FunctionDirectory } from '../core/ports/function-directory.ts';
import type { InstancePool, RunningCall } from '../core/ports/instance-pool.ts';
import type { InvocationJournal } from '../core/ports/invocation-journal.ts';
import type { InvocationQueue, NewAsyncInvocation } from '../core/ports/invocation-queue.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { MetricsSink } from '../core/ports/metrics-sink.ts';
import type { Scheduler, SchedulerStats, SubmitResult } from '../core/ports/scheduler.ts';
import type { FunctionStore, InvocationPayload, InvocationRecord, ScheduleStore } from '../core/ports/store.ts';
import { refusalOf } from '../core/refusals.ts';
import { Admission } from './admission.ts';
import { AsyncDispatcher } from './async-dispatcher.ts';
import { RecordBudget } from './record-budget.ts';
import { outcomeOfWait, reportWithoutInstance } from './reports.ts';
import type { RequestCapture } from './request-capture.ts';
import type { Run } from './run.ts';
import { Runner } from './runner.ts';
import { ScheduleTicker } from './schedule-ticker.ts';
import type { SchedulerSettings } from './scheduler-settings.ts';
import { SingleFlight } from './single-flight.ts';
import { recordOf, recordOfRunning, SyncRun } from './sync-run.ts';

export interface LocalSchedulerOptions {
  readonly pool: InstancePool;
  readonly queue: InvocationQueue;
  readonly schedules: ScheduleStore;
  /** For the names of the functions that schedules belong to. */
  readonly functions: Pick<FunctionStore, 'all'>;
  readonly directory: FunctionDirectory;
  readonly journal: InvocationJournal;
  readonly metrics: MetricsSink;
  readonly capture: Pick<RequestCapture, 'keep'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names this process in leases of the durable queue; another value after every start. */
  readonly owner: string;
  readonly settings: SchedulerSettings;
}

interface Cancellable {
  readonly controller: AbortController;
  /** Stops listening to the caller. */
  readonly unlink: () => void;
}

/** The scheduler of one host, in this process. */
export class LocalScheduler implements Scheduler {
  readonly #options: LocalSchedulerOptions;
  readonly #admission: Admission;
  readonly #runner: Runner;
  readonly #singleFlight: SingleFlight;
  readonly #dispatcher: AsyncDispatcher;
  readonly #ticker: ScheduleTicker;
  readonly #records: RecordBudget;
  /** Ends the wait of everything that is not admitted yet. */
  readonly #waiting = new Set<(error: PlatformError) => void>();
  /** Synchronous calls of the API, which can be cancelled by id. */
  readonly #cancellable = new Map<InvocationId, Cancellable>();
  #running = 0;
  #idle: (() => void)[] = [];
  #isDraining = false;

  constructor(options: LocalSchedulerOptions) {
    this.#options = options;
    const { settings, metrics, clock, pool } = options;
    this.#admission = new Admission({
      settings,
      onThrottle: (functionName, limit) => metrics.record({ kind: 'throttle', at: clock.now(), functionName, limit }),
    });
    this.#records = new RecordBudget({ perSecond: settings.recordsPerSecond });
    this.#runner = new Runner({
      pool,
      clock,
      admission: this.#admission,
      onBatch: (version, size, waitMs) => metrics.record({ kind: 'batch', at: clock.now(), version, size, waitMs }),
    });
    this.#singleFlight = new SingleFlight({
      clock,
      run: (invocation, sink, signal) => this.#call(invocation, sink, signal),
      onShared: (version) => metrics.record({ kind: 'shared-call', at: clock.now(), version }),
    });
    this.#dispatcher = new AsyncDispatcher({ ...options, start: (run) => this.#start(run, false) });
    this.#ticker = new ScheduleTicker({ ...options, onFired: () => this.#dispatcher.wake() });
  }

  async start(): Promise<void> {
    await this.#dispatcher.start();
    await this.#ticker.start();
  }

  /** Call it after schedules or functions have changed: one that was enabled may have calls that waited for it. */
  schedulesChanged(): void {
    this.#ticker.changed();
    this.#dispatcher.wake();
  }

  reserve(places: ReadonlyMap<FunctionId, number>): void {
    this.#admission.reserve(places);
  }

  invoke(invocation: Invocation, sink: ResponseSink, signal: CancelSignal): Promise<InvocationReport> {
    const refusal = this.#refusal(invocation.version.functionName, invocation.depth);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (invocation.version.config.singleFlight === false) return this.#call(invocation, sink, signal);
    return this.#singleFlight.invoke(invocation, sink, signal);
  }

  #call(invocation: Invocation, sink: ResponseSink, signal: CancelSignal): Promise<InvocationReport> {
    const run = new SyncRun({
      invocation,
      sink,
      // A call of the gateway ends with its connection, or is cancelled where it runs.
      signal: invocation.trigger === 'http' ? signal : this.#cancellableSignal(invocation.id, signal),
      nowMs: this.#options.clock.monotonic(),
      maxRecordedBytes: this.#options.settings.maxRecordedBytes,
      onFinished: this.#onFinished,
      onRefused: this.#onRefused,
    });
    this.#running++;
    return this.#start(run, true);
  }

  async submit(item: NewAsyncInvocation): Promise<SubmitResult> {
    const refusal = this.#refusal(item.functionName, item.depth);
    if (refusal !== undefined) throw refusal;
    const { id, isDuplicate } = await this.#options.queue.enqueue(item);
    this.#dispatcher.added();
    return { id, isDuplicate };
  }

  async cancel(id: InvocationId): Promise<boolean> {
    const running = this.#cancellable.get(id);
    if (running !== undefined) {
      running.controller.abort('cancelled by request');
      return true;
    }
    const inside = this.#findInside(id);
    if (inside === undefined) return await this.#dispatcher.cancel(id);
    inside.cancel('cancelled by request');
    return true;
  }

  running(): readonly InvocationRecord[] {
    return [...this.#insideSynchronously()].map(recordOfRunning);
  }

  findRunning(id: string): InvocationRecord | undefined {
    const call = this.#findInside(id);
    return call && recordOfRunning(call);
  }

  leftOutAt(isAsked: (functionName: string) => boolean): number | undefined {
    return this.#records.leftOutAt(isAsked);
  }

  stats(): SchedulerStats {
    return {
      inFlight: this.#admission.inFlight,
      places: this.#admission.places.total,
      reserved: this.#admission.places.reserved,
      queued: this.#admission.queued,
      asyncDepth: this.#dispatcher.depth,
      asyncOldestMs: this.#dispatcher.oldestMs,
      recordsLeftOut: this.#records.leftOut,
    };
  }

  async drain(deadlineAt: number): Promise<void> {
    this.#isDraining = true;
    this.#ticker.stop();
    const { clock } = this.#options;
    const dispatcherDone = this.#dispatcher.drain(deadlineAt);
    if (this.#running > 0) {
      const idle = new AbortController();
      this.#idle.push(() => idle.abort());
      await clock.sleep(Math.max(0, deadlineAt - clock.now()), idle.signal);
    }
    for (const reject of [...this.#waiting]) reject(drainingError());
    for (const call of [...this.#insideSynchronously()]) call.interrupt();
    await dispatcherDone;
  }

  /** Admits a run now or later and sees it through. */
  #start(run: Run, isBounded: boolean): Promise<InvocationReport> {
    const load = this.#admission.tryEnter(run.version);
    if (load === undefined) return this.#waitAndRun(run, isBounded);
    run.load = load;
    return this.#runner.run(run);
  }

  async #waitAndRun(run: Run, isBounded: boolean): Promise<InvocationReport> {
    let isAdmitted: boolean;
    try {
      isAdmitted = await this.#wait(run, isBounded);
    } catch (error) {
      run.refused();
      throw error;
    }
    if (isAdmitted) return await this.#runner.run(run);
    const report = reportWithoutInstance(run, outcomeOfWait(run), this.#options.clock.monotonic());
    run.finished(report);
    return report;
  }

  /** False when the deadline passed or the caller left first. Rejects with `throttled` or, at the end of a drain, `unavailable`. */
  #wait(run: Run, isBounded: boolean): Promise<boolean> {
    const { clock } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const finish = () => {
      cancelTimer();
      run.signal.removeEventListener('abort', giveUp);
      this.#waiting.delete(refuse);
    };
    const ticket = this.#admission.wait(run.version, isBounded, (load) => {
      finish();
      run.load = load;
      run.admittedMs = clock.monotonic();
      resolve(true);
    });
    const giveUp = () => {
      if (!ticket.leave()) return;
      finish();
      resolve(false);
    };
    const refuse = (error: PlatformError) => {
      if (!ticket.leave()) return;
      finish();
      // An asynchronous one goes back to its queue.
      if (isBounded) this.#countRefusal(run.version.functionName, error);
      reject(error);
    };
    const cancelTimer = clock.after(run.waitUntilAt - clock.now(), giveUp);
    run.signal.addEventListener('abort', giveUp, { once: true });
    this.#waiting.add(refuse);
    if (run.signal.aborted) giveUp();
    return promise;
  }

  *#insideSynchronously(): Iterable<RunningCall> {
    for (const call of this.#options.pool.running()) {
      const { trigger } = call.invocation;
      if (trigger === 'http' || trigger === 'api') yield call;
    }
  }

  #findInside(id: string): RunningCall | undefined {
    for (const call of this.#insideSynchronously()) if (call.invocation.id === id) return call;
    return undefined;
  }

  readonly #onFinished = (run: SyncRun, report: InvocationReport): void => {
    const { metrics, journal, clock } = this.#options;
    const at = clock.now();
    const invocation = run.invocation();
    metrics.record({ kind: 'invocation', at, version: run.version, trigger: invocation.trigger, report, invocation });
    const payload = run.payload() ?? this.#requestOf(run, report);
    // What somebody asked to keep has a record to be found by.
    if (payload !== undefined || this.#records.takes(invocation, report, at)) {
      journal.append(recordOf(invocation, report, at), payload);
    }
    this.#ended(run);
  };

  #requestOf(run: SyncRun, report: InvocationReport): InvocationPayload | undefined {
    const request = this.#options.capture.keep(run.invocation(), report, run.sink);
    return request === undefined ? undefined : { payload: undefined, result: undefined, request };
  }

  readonly #onRefused = (run: SyncRun): void => this.#ended(run);

  #ended(run: SyncRun): void {
    if (this.#cancellable.size > 0) this.#forgetCancellable(run.id);
    this.#running--;
    if (this.#running > 0 || this.#idle.length === 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Aborts with the caller's signal, or when the invocation is cancelled by id. */
  #cancellableSignal(id: InvocationId, signal: CancelSignal): CancelSignal {
    const controller = new AbortController();
    const onAbort = () => controller.abort(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    this.#cancellable.set(id, { controller, unlink: () => signal.removeEventListener('abort', onAbort) });
    return controller.signal;
  }

  #forgetCancellable(id: InvocationId): void {
    this.#cancellable.get(id)?.unlink();
    this.#cancellable.delete(id);
  }

  #refusal(functionName: string, depth: number): PlatformError | undefined {
    const refusal = this.#isDraining ? drainingError() : this.#loopError(depth);
    if (refusal !== undefined) this.#countRefusal(functionName, refusal);
    return refusal;
  }

  #countRefusal(functionName: string, { kind }: PlatformError): void {
    const { metrics, clock } = this.#options;
    metrics.record(refusalOf(functionName, kind, clock.now()));
  }

  #loopError(depth: number): PlatformError | undefined {
    const { maxCallDepth } = this.#options.settings;
    if (depth <= maxCallDepth) return undefined;
    const message = `functions called functions ${depth} times in a row; at most ${maxCallDepth} are allowed, so this looks like a loop`;
    return new PlatformError('loop_detected', 'recursion_limit', message);
  }
}

function drainingError(): PlatformError {
  return new PlatformError('unavailable', 'draining', 'the platform is shutting down', { retryAfterSeconds: 5 });
}
