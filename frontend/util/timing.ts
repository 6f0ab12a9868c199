import type { Timing } from '../../shared/invocation.ts';

export interface Phase {
  readonly id: 'queued' | 'wait' | 'boot' | 'load' | 'init' | 'handler';
  readonly label: string;
  readonly ms: number;
  readonly color: string;
}

/**
 * The phases of an attempt in their order. `acquireMs` contains boot, load and init; what is left of it is waiting for an
 * instance. Phases that did not happen are left out, except the handler.
 */
export function phasesOf(timing: Timing): readonly Phase[] {
  const inStart = timing.bootMs + timing.loadMs + timing.initMs;
  const all: readonly Phase[] = [
    { id: 'queued', label: 'Queued', ms: timing.queuedMs, color: '--series-5' },
    { id: 'wait', label: 'Instance', ms: Math.max(0, timing.acquireMs - inStart), color: '--line-strong' },
    { id: 'boot', label: 'Boot', ms: timing.bootMs, color: '--series-3' },
    { id: 'load', label: 'Load', ms: timing.loadMs, color: '--series-2' },
    { id: 'init', label: 'Init', ms: timing.initMs, color: '--series-4' },
    { id: 'handler', label: 'Handler', ms: timing.handlerMs, color: '--series-1' },
  ];
  return all.filter((phase) => phase.id === 'handler' || phase.ms >= 0.005);
}
