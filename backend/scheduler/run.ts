import type { InvocationId } from '../../shared/ids.ts';
import type { CancelSignal } from '../core/cancel-signal.ts';
import type { Invocation, InvocationReport, ResponseSink } from '../core/invocation.ts';
import type { VersionSpec } from '../core/version.ts';
import type { FunctionLoad } from './admission.ts';

/** One attempt of one call on its way from admission to its report. */
export interface Run {
  readonly id: InvocationId;
  readonly version: VersionSpec;
  readonly sink: ResponseSink;
  /** The caller is gone, or the invocation was cancelled. */
  readonly signal: CancelSignal;
  /** Clock.monotonic() when it entered the scheduler. */
  readonly enteredMs: number;
  /** Clock.now() at which waiting for an instance makes no sense any more. */
  readonly waitUntilAt: number;
  /** Its request body is still arriving, so it cannot travel in a batch. */
  readonly hasStreamingBody: boolean;
  /** It may be sent to an instance before that is ready: its deadline stands already. */
  readonly mayTravelAhead: boolean;
  /** Of its request body, 0 while it is still arriving. */
  readonly bodyBytes: number;
  /** Its place in admission; set when it was admitted. */
  load: FunctionLoad | undefined;
  /** Clock.monotonic() of the admission. */
  admittedMs: number;
  /** What the instance is given; asked once, when the lease is there, so that a deadline can begin then. */
  invocation(): Invocation;
  /** It was never admitted (throttled or draining); `finished` does not come then. */
  refused(): void;
  /** Synchronous, once, before the report is handed to whoever waits for it. */
  finished(report: InvocationReport): void;
}
