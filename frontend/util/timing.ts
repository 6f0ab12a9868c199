import type { Timing } from '../../shared/invocation.ts';
import { type PhaseName, phaseNames, phasesOf as phasesOfTiming } from '../../shared/phases.ts';

export interface Phase {
  readonly id: PhaseName;
  readonly label: string;
  readonly ms: number;
  readonly color: string;
  /** A part of a cold start. */
  readonly isCold: boolean;
}

const looks: Readonly<Record<PhaseName, Pick<Phase, 'label' | 'color'>>> = {
  queue: { label: 'Queue', color: '--series-5' },
  acquire: { label: 'Acquire', color: '--line-strong' },
  boot: { label: 'Boot', color: '--series-3' },
  specialise: { label: 'Specialise', color: '--series-2' },
  init: { label: 'Init', color: '--series-4' },
  handler: { label: 'Handler', color: '--series-1' },
  flush: { label: 'Flush', color: '--series-5' },
};

const coldPhases: ReadonlySet<PhaseName> = new Set(['boot', 'specialise', 'init']);

/** How a phase is painted: what belongs to a cold start is hatched, so that it is told apart without colours too. */
export function fillOf({ color, isCold }: Pick<Phase, 'color' | 'isCold'>): string {
  if (!isCold) return `var(${color})`;
  const faint = `color-mix(in srgb, var(${color}) 45%, transparent)`;
  return `repeating-linear-gradient(135deg, var(${color}) 0 3px, ${faint} 3px 5px)`;
}

/** What a bar or a number of two decimals can show. */
const visibleMs = 0.005;

/** The phases of an attempt in their order. Those that did not happen are left out, except the handler. */
export function phasesOf(timing: Timing): readonly Phase[] {
  const all = phasesOfTiming(timing);
  return phaseNames
    .map((id) => ({ id, ms: all[id], isCold: coldPhases.has(id), ...looks[id] }))
    .filter((phase) => phase.id === 'handler' || phase.ms >= visibleMs);
}
