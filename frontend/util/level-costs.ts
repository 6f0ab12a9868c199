import type { DriverDocument } from '../../shared/api/system.ts';
import { formatBytes, formatMs } from './format.ts';

/** What was measured elsewhere, as the documents have it: not what this machine does. */
interface Documented {
  readonly date: string;
  readonly where: string;
  readonly booted: string;
  readonly waiting: string;
  readonly warm: string;
  readonly idle: string;
}

/** Figures of docs/performance.md and docs/drivers/, in their words; a test compares them. */
export const documentedCosts: Readonly<Partial<Record<DriverDocument['name'], Documented>>> = {
  process: {
    date: '2026-11-27',
    where: '2 virtual cores of an AMD EPYC',
    booted: '46.4 ms',
    waiting: '3.2 ms',
    warm: '1 ×',
    idle: '9.7 MiB',
  },
  docker: {
    date: '2026-11-25',
    where: '2 cores, Docker 20.10',
    booted: '213 ms',
    waiting: '10.3 ms',
    warm: '1.07 ×',
    idle: '–',
  },
  qemu: {
    date: '2026-11-27',
    where: '2 cores without KVM',
    booted: '4.4 s',
    waiting: '0.191 s',
    warm: '23 ×',
    idle: '267 MiB',
  },
  nanos: {
    date: '2026-11-26',
    where: '2 busy cores without KVM',
    booted: '3.4 s',
    waiting: '–',
    warm: '–',
    idle: '220 MiB',
  },
};

export interface CostFigure {
  readonly label: string;
  readonly value: string;
  /** How often it was seen on this machine; undefined: it was not, and the value is a documented one. */
  readonly seen: string | undefined;
}

const times = (count: number): string => (count === 1 ? '1 call' : `${count} calls`);

/**
 * What an isolation level costs: seen on this machine where it was, else as documented. Warm calls are compared with those of `baseline`, the
 * process level; only where both were called is the ratio of this machine.
 */
export function costFigures(driver: DriverDocument, baseline: DriverDocument | undefined): readonly CostFigure[] {
  const { measured } = driver;
  const documented = documentedCosts[driver.name];
  const figure = (label: string, here: string | undefined, seen: string, elsewhere: string | undefined): CostFigure =>
    here === undefined ? { label, value: elsewhere ?? '–', seen: undefined } : { label, value: here, seen };
  const start = (label: string, of: 'booted' | 'waiting') => {
    const found = measured?.[of] ?? null;
    const here = found === null ? undefined : formatMs(found.p50Ms);
    return figure(label, here, times(found?.count ?? 0), documented?.[of]);
  };
  const quickest = measured?.quickestWarmMs ?? null;
  const least = baseline?.measured?.quickestWarmMs ?? null;
  const ratio = quickest === null || least === null || least === 0 ? undefined : quickest / least;
  const idle = measured?.idleMemoryBytes ?? null;
  return [
    start('Cold start', 'booted'),
    start('From a waiting sandbox', 'waiting'),
    figure(
      'Warm call, against process',
      ratio === undefined ? undefined : `${ratio.toFixed(ratio < 10 ? 1 : 0)} × (${formatMs(quickest)})`,
      `the quickest of ${times(measured?.warmCalls ?? 0)}`,
      documented?.warm,
    ),
    figure(
      'Memory of an idle instance',
      idle === null ? undefined : formatBytes(idle),
      measured?.idleInstances === 0 ? 'when it was measured' : `${measured?.idleInstances ?? 0} idle now`,
      documented?.idle,
    ),
  ];
}
