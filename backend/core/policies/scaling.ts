export interface ScaleInput {
  readonly nowMs: number;
  /** Slots that waiters of this version need, and how long the first of them has waited. */
  readonly waitingSlots: number;
  readonly waitedMs: number;
  /** Slots that calls hold. */
  readonly leasedSlots: number;
  /** Boots under way. */
  readonly booting: number;
  /** Instances that are neither booting nor on their way out, nor full of calls that overran their time. */
  readonly live: number;
  /** Kept warm by configuration, or wanted ahead of a call that is foretold. */
  readonly minInstances: number;
  readonly maxInstances: number;
  /** Invocations in flight that one instance takes. */
  readonly concurrency: number;
  /** The circuit is half-open: one boot at a time. */
  readonly isProbing: boolean;
  /** How long a call usually holds its slot, and how long a start usually takes; undefined before the first. */
  readonly holdMs: number | undefined;
  readonly startMs: number | undefined;
  /** Slots needed, on average over the windows (demand-history.ts). */
  readonly stableSlots: number;
  readonly panicSlots: number;
}

/** Kept between decisions. */
export interface ScaleState {
  /** Nothing is taken away until then (monotonic). */
  readonly panicUntilMs: number;
}
export const calmScale: ScaleState = { panicUntilMs: Number.NEGATIVE_INFINITY };

export interface ScaleDecision {
  /** Boots that should begin now. */
  readonly boots: number;
  /** Instances that there should be: fewer are missing, idle ones beyond it may go when they were idle for long enough. */
  readonly target: number;
  readonly mode: 'stable' | 'panic' | 'zero';
  /** For people. */
  readonly reason: string;
  /** Waiters are left to instances that are expected to become free first. */
  readonly isDeferring: boolean;
}

export interface ScaleSettings {
  /** Panic begins when the short window needs so many times what there is. */
  readonly panicFactor: number;
  /** How long panic lasts after the last sign of it. */
  readonly panicHoldMs: number;
}
const defaultScaleSettings: ScaleSettings = { panicFactor: 2, panicHoldMs: 60_000 };

/**
 * How many instances a version should have, never beyond `maxInstances`, so that a burst of any size starts at most so many boots:
 * - for the calls that would still wait when a boot that begins now is done, given how fast running instances become free. Without
 *   running instances, or when the first has waited longer than a start takes already, that is every waiting call;
 * - for what the last seconds needed on average, so that calls that are short but always many at a time get their instances too;
 * - `minInstances`.
 *
 * The two windows and the panic mode are those of Knative's autoscaler (KPA): when the short window needs twice what there is, nothing
 * is taken away for the length of the long one.
 */
export function decideScale(
  state: ScaleState,
  input: ScaleInput,
  settings: ScaleSettings = defaultScaleSettings,
): { readonly state: ScaleState; readonly decision: ScaleDecision } {
  const { booting, live, concurrency, nowMs, waitingSlots } = input;
  const most = Math.max(input.maxInstances, input.minInstances);
  const there = live + booting;
  const forWaiters = instancesForWaiters(input);
  const recent = Math.ceil(input.panicSlots / concurrency);
  const isSudden = recent >= 2 && recent >= settings.panicFactor * live;
  const panicUntilMs = isSudden ? nowMs + settings.panicHoldMs : state.panicUntilMs;
  const isPanic = nowMs < panicUntilMs;
  // Calls may still hold slots of instances on their way out: no reason to start others.
  const inUse = Math.min(there, Math.ceil(input.leasedSlots / concurrency));
  // While nothing runs or waits, the keep-alive plan decides, not the trend.
  const isQuiet = input.leasedSlots === 0 && waitingSlots === 0;
  const trend = isQuiet ? 0 : Math.max(recent, Math.ceil(input.stableSlots / concurrency));
  const held = isPanic && !isQuiet ? there : 0;
  const wanted = Math.max(forWaiters > 0 ? live + forWaiters : 0, inUse, trend, held, input.minInstances);
  const target = Math.min(most, wanted);
  const missing = Math.max(0, target - there);
  const boots = input.isProbing ? Math.min(missing, Math.max(0, 1 - booting)) : missing;
  const isDeferring = waitingSlots > 0 && forWaiters === 0 && there < most;
  const mode = isPanic && !isQuiet ? 'panic' : target === 0 ? 'zero' : 'stable';
  const reason = reasonOf(input, { forWaiters, trend, most, target, boots, isDeferring, mode });
  return { state: { panicUntilMs }, decision: { boots, target, mode, reason, isDeferring } };
}

/** Instances, beyond those that run, for calls that would wait longer than a start takes. */
function instancesForWaiters(input: ScaleInput): number {
  const { waitingSlots, waitedMs, live, concurrency, holdMs, startMs } = input;
  if (waitingSlots === 0) return 0;
  const isForeseeable = live > 0 && holdMs !== undefined && startMs !== undefined && waitedMs <= startMs;
  // Slots that running instances free while a boot would be under way.
  const freed = isForeseeable ? (live * concurrency * startMs) / Math.max(holdMs, 0.01) : 0;
  return Math.max(0, Math.ceil((waitingSlots - freed) / concurrency));
}

interface Considered {
  readonly forWaiters: number;
  readonly trend: number;
  readonly most: number;
  readonly target: number;
  readonly boots: number;
  readonly isDeferring: boolean;
  readonly mode: ScaleDecision['mode'];
}

function reasonOf(input: ScaleInput, considered: Considered): string {
  const { waitingSlots, live, booting, minInstances } = input;
  const { most, target, boots, mode } = considered;
  const waiting = `${waitingSlots} ${waitingSlots === 1 ? 'call waits' : 'calls wait'}`;
  if (boots > 0 && input.isProbing) return 'earlier starts failed: one is tried at a time';
  if (boots > 0 && minInstances >= target) return 'kept warm by minInstances, or ahead of a call that is foretold';
  if (boots > 0 && considered.forWaiters > 0)
    return target === most ? `${waiting}; maxInstances allows ${most}` : waiting;
  if (boots > 0) return `the last seconds needed ${considered.trend} at the same time`;
  if (considered.isDeferring) return `${waiting}; one that runs is free sooner than another would start`;
  if (waitingSlots > 0 && booting > 0) return `${waiting} for boots under way`;
  if (waitingSlots > 0) return `${waiting}; there are as many as maxInstances allows`;
  if (mode === 'zero')
    return live === 0 ? 'nobody calls it' : 'nobody calls it: what is idle ends by the keep-alive plan';
  if (mode === 'panic') return 'calls have risen suddenly: nothing is given up for now';
  if (live > target) return `${target} would do: the others end when they were idle for long enough`;
  return 'there are as many as needed';
}

export interface KeepAliveInput {
  /** What the version asks for. */
  readonly idleTimeoutMs: number;
  /** Share of the host's budget (instances or memory, whichever is scarcer) that is in use, 0 to 1. */
  readonly pressure: number;
}

/** Below this pressure nothing is shortened; at 1 an idle instance is kept `floorMs`. */
const relaxedPressure = 0.7;
const floorMs = 10_000;

/** How long an idle instance is kept: what its version asks for while the host has room, falling linearly to ten seconds when it is full. */
export function keepAliveMs(input: KeepAliveInput): number {
  if (input.idleTimeoutMs <= floorMs || input.pressure <= relaxedPressure) return input.idleTimeoutMs;
  const share = Math.max(0, (1 - input.pressure) / (1 - relaxedPressure));
  return Math.round(floorMs + (input.idleTimeoutMs - floorMs) * share);
}
