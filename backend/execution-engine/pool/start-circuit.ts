import { PlatformError } from '../../../shared/errors.ts';
import {
  type CircuitSettings,
  type CircuitState,
  circuitAfterFailure,
  circuitBeforeTry,
  closedCircuit,
} from '../../core/policies/circuit.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { VersionSpec } from '../../core/version.ts';

export interface StartCircuitOptions {
  readonly version: VersionSpec;
  readonly clock: Clock;
  readonly settings: CircuitSettings;
  /** The time of an open circuit is over. */
  readonly onProbe: () => void;
}

/** After this long without a call, a version that failed to start gets a fresh chance. */
const rememberFailuresMs = 120_000;

/** Stops starting a version that fails to start every time, and remembers why it failed. */
export class StartCircuit {
  readonly #options: StartCircuitOptions;
  #state: CircuitState = closedCircuit;
  #lastFailure: PlatformError | undefined;
  #lastFailureMs = 0;
  #cancelProbe: (() => void) | undefined;

  constructor(options: StartCircuitOptions) {
    this.#options = options;
  }

  /** `half-open`: one try at a time. */
  state(): CircuitState['kind'] {
    this.#state = circuitBeforeTry(this.#state, this.#options.clock.monotonic());
    return this.#state.kind;
  }

  get isForgettable(): boolean {
    const { clock } = this.#options;
    return this.#state === closedCircuit || clock.monotonic() - this.#lastFailureMs > rememberFailuresMs;
  }

  succeeded(): void {
    this.#state = closedCircuit;
    this.#lastFailure = undefined;
    this.close();
  }

  /** True when the circuit is open now; then `onProbe` is called when it allows a try. */
  failed(error: PlatformError): boolean {
    const { clock, settings, onProbe } = this.#options;
    this.#state = circuitAfterFailure(this.#state, clock.monotonic(), settings);
    this.#lastFailure = error;
    this.#lastFailureMs = clock.monotonic();
    if (this.#state.kind !== 'open') return false;
    this.close();
    this.#cancelProbe = clock.after(this.#state.openMs, onProbe);
    return true;
  }

  /** What calls are told while it is open. */
  openError(): PlatformError {
    const { version, clock } = this.#options;
    const untilMs = this.#state.kind === 'open' ? this.#state.untilMs : 0;
    const waitMs = Math.max(0, untilMs - clock.monotonic());
    const why = this.#lastFailure?.message ?? 'it failed to start';
    return new PlatformError(
      'unavailable',
      'init_circuit_open',
      `version ${version.version} of ${version.functionName} failed to start several times in a row, the last time with: ${why}. It is tried again soon`,
      { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)), detail: this.#lastFailure?.detail ?? {} },
    );
  }

  /** No more probes. */
  close(): void {
    this.#cancelProbe?.();
    this.#cancelProbe = undefined;
  }
}
