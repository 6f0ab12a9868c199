// Types only: the dashboard reads phases and has no use for the schemas of invocations.
import type { StartKind, Timing } from './invocation.ts';

/** What an attempt spends its time in, in this order, one after the other. `specialise` makes the bundle visible inside a sandbox. */
export const phaseNames = ['queue', 'acquire', 'boot', 'specialise', 'init', 'handler', 'flush'] as const;
export type PhaseName = (typeof phaseNames)[number];

/** The time of every phase, each counted once: together they are `totalMs`. `acquire` is what waiting for an instance took beside its start. */
export function phasesOf(timing: Timing): Readonly<Record<PhaseName, number>> {
  const { queuedMs, acquireMs, bootMs, loadMs, initMs, handlerMs, flushMs } = timing;
  return {
    queue: queuedMs,
    acquire: Math.max(0, acquireMs - bootMs - loadMs - initMs),
    boot: bootMs,
    specialise: loadMs,
    init: initMs,
    handler: handlerMs,
    flush: flushMs,
  };
}

/**
 * The value of a `Server-Timing` header (W3C): the layer that the instance came from, the phases that took any time, and the total, in ms with
 * two decimals.
 */
export function serverTiming(timing: Timing, start: StartKind): string {
  const phases = phasesOf(timing);
  let text = `start;desc="${start}", `;
  for (const name of phaseNames) {
    const ms = hundredths(phases[name]);
    if (ms > 0 || name === 'handler') text += `${name};dur=${ms}, `;
  }
  return `${text}total;dur=${hundredths(timing.totalMs)}`;
}

function hundredths(ms: number): number {
  return Math.round(ms * 100) / 100;
}
