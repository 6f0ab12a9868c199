/**
 * A circuit that stops starting what fails every time. Immutable: every function returns the next state.
 *
 * | state     | event                        | next                                                       |
 * | --------- | ---------------------------- | ---------------------------------------------------------- |
 * | closed    | failure, fewer than threshold| closed, one more failure                                   |
 * | closed    | failure number `threshold`   | open for `minOpenMs`                                       |
 * | open      | `until` is reached           | half-open on the next try: one probe                       |
 * | half-open | failure                      | open, twice as long as before, at most `maxOpenMs`         |
 * | any       | success                      | closed, no failures                                        |
 */
export type CircuitState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly untilMs: number; readonly openMs: number }
  | { readonly kind: 'half-open'; readonly openMs: number };

export interface CircuitSettings {
  /** Failures in a row that open it. */
  readonly threshold: number;
  readonly minOpenMs: number;
  readonly maxOpenMs: number;
}

export const closedCircuit: CircuitState = { kind: 'closed', failures: 0 };

/** `nowMs` is monotonic. */
export function circuitAfterFailure(state: CircuitState, nowMs: number, settings: CircuitSettings): CircuitState {
  if (state.kind === 'closed') {
    const failures = state.failures + 1;
    if (failures < settings.threshold) return { kind: 'closed', failures };
    return { kind: 'open', untilMs: nowMs + settings.minOpenMs, openMs: settings.minOpenMs };
  }
  // A straggler that began before the circuit opened tells nothing new.
  if (state.kind === 'open') return state;
  const openMs = Math.min(settings.maxOpenMs, state.openMs * 2);
  return { kind: 'open', untilMs: nowMs + openMs, openMs };
}

/** Call before a try: an open circuit whose time is over becomes half-open. */
export function circuitBeforeTry(state: CircuitState, nowMs: number): CircuitState {
  return state.kind === 'open' && nowMs >= state.untilMs ? { kind: 'half-open', openMs: state.openMs } : state;
}
