import type { CancelSignal } from '../core/cancel-signal.ts';
import type { Invocation, InvocationReport, ResponseSink } from '../core/invocation.ts';
import { callIdentity } from '../core/policies/call-identity.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { VersionSpec } from '../core/version.ts';
import { Flight, type RunCall } from './flight.ts';

export interface SingleFlightOptions {
  readonly clock: Clock;
  readonly run: RunCall;
  /** A call was answered with the response of another one. */
  readonly onShared: (version: VersionSpec) => void;
}

/** Calls that are the same and in flight at the same time share one invocation, where the function opted in (docs/gateway.md, "Single flight"). */
export class SingleFlight {
  readonly #options: SingleFlightOptions;
  /** Those that take more callers, by the identity of their call. */
  readonly #flights = new Map<string, Flight>();

  constructor(options: SingleFlightOptions) {
    this.#options = options;
  }

  /** As `Scheduler.invoke`; a call that cannot be shared just runs. */
  invoke(invocation: Invocation, sink: ResponseSink, signal: CancelSignal): Promise<InvocationReport> {
    const identity = callIdentity(invocation);
    if (identity === undefined) return this.#options.run(invocation, sink, signal);
    const underWay = this.#flights.get(identity);
    if (underWay !== undefined) return underWay.join(invocation, sink, signal);
    const flight = new Flight({
      ...this.#options,
      first: invocation,
      onShared: () => this.#options.onShared(invocation.version),
      onClosed: () => this.#flights.delete(identity),
    });
    this.#flights.set(identity, flight);
    const report = flight.join(invocation, sink, signal);
    flight.start();
    return report;
  }
}
