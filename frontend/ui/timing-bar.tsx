import type { Timing } from '../../shared/invocation.ts';
import { formatMs } from '../util/format.ts';
import { fillOf, phasesOf } from '../util/timing.ts';

/** Where the time of an invocation went: one bar, one row per phase. */
export function TimingBar({ timing }: { readonly timing: Timing }) {
  const phases = phasesOf(timing);
  const sum = phases.reduce((total, phase) => total + phase.ms, 0);
  const share = (ms: number) => (sum === 0 ? 0 : (ms / sum) * 100);
  return (
    <div className="flex flex-col gap-2">
      <div
        role="img"
        aria-label={`Timing: ${phases.map((phase) => `${phase.label} ${formatMs(phase.ms)}`).join(', ')}`}
        className="flex h-4 w-full overflow-hidden rounded bg-raised"
      >
        {phases.map((phase) => (
          <span key={phase.id} style={{ width: `${share(phase.ms)}%`, background: fillOf(phase) }} />
        ))}
      </div>
      <dl className="tabular grid grid-cols-[repeat(auto-fit,minmax(7.5rem,1fr))] gap-x-4 gap-y-1 text-xs">
        {phases.map((phase) => (
          <div key={phase.id} className="flex items-center justify-between gap-2 border-b border-line py-1">
            <dt className="flex items-center gap-1.5 text-muted">
              <span aria-hidden="true" className="size-2 rounded-sm" style={{ background: fillOf(phase) }} />
              {phase.label}
            </dt>
            <dd className="font-medium">{formatMs(phase.ms)}</dd>
          </div>
        ))}
        <div className="flex items-center justify-between gap-2 border-b border-line py-1">
          <dt className="text-muted">Total</dt>
          <dd className="font-medium">{formatMs(timing.totalMs)}</dd>
        </div>
      </dl>
    </div>
  );
}
