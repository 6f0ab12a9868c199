export interface BootDemand {
  /** Slots that waiters of this version need. */
  readonly waitingSlots: number;
  /** Boots under way. */
  readonly booting: number;
  /** Instances that are neither booting nor on their way out. */
  readonly live: number;
  /** Kept warm by configuration. */
  readonly minInstances: number;
  readonly maxInstances: number;
  /** Invocations in flight that one instance takes. */
  readonly concurrency: number;
  /** The circuit is half-open: one boot at a time. */
  readonly isProbing: boolean;
}

/**
 * How many more boots should begin now: only for waiters that no boot under way will serve, never beyond `maxInstances`, so a
 * burst of any size starts at most `maxInstances` boots.
 */
export function bootsWanted(demand: BootDemand): number {
  const forWaiters = Math.ceil(demand.waitingSlots / demand.concurrency) - demand.booting;
  const forProvisioned = demand.minInstances - demand.live - demand.booting;
  const room = Math.max(demand.maxInstances, demand.minInstances) - demand.live - demand.booting;
  const wanted = Math.min(Math.max(forWaiters, forProvisioned), room);
  return Math.max(0, demand.isProbing ? Math.min(wanted, 1 - demand.booting) : wanted);
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
