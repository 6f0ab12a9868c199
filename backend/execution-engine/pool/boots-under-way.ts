import type { InstanceId } from '../../../shared/ids.ts';
import type { StartKind } from '../../../shared/invocation.ts';
import type { InstanceView, StartPhases } from '../../core/ports/instance-pool.ts';

/** Whom an instance was started for: a call that waited or a trend, the configuration, or a call that is foretold. */
export type BootPurpose = 'call' | 'provisioned' | 'ahead';

interface Boot {
  readonly view: InstanceView;
  readonly phases: () => StartPhases;
  readonly purpose: BootPurpose;
  /** Set when it began before a change: the reason to end what comes of it. */
  staleReason: string | undefined;
}

/** The starts of one version that have begun and are neither done nor failed. */
export class BootsUnderWay {
  readonly #boots = new Map<InstanceId, Boot>();

  get size(): number {
    return this.#boots.size;
  }

  /** `phases` tells how far it has come. */
  begin(
    id: InstanceId,
    start: StartKind,
    purpose: BootPurpose,
    { createdAt, phases }: { readonly createdAt: number; readonly phases: () => StartPhases },
  ): void {
    const usage = { cpuMs: 0, memoryBytes: 0, peakMemoryBytes: 0, pids: 0 };
    const view: InstanceView = { id, state: 'starting', inFlight: 0, start, createdAt, invocations: 0, usage };
    this.#boots.set(id, { view, phases, purpose, staleReason: undefined });
  }

  /** What was known of a boot that is over now, however it ended. */
  end(id: InstanceId): Pick<Boot, 'purpose' | 'staleReason'> | undefined {
    const boot = this.#boots.get(id);
    this.#boots.delete(id);
    return boot;
  }

  /** How far the one that began first has come: it is the first that a call which waits could get. */
  firstPhases(): StartPhases | undefined {
    const [first] = this.#boots.values();
    return first?.phases();
  }

  /** What instances start with has changed: those that begin from now on are not concerned. */
  outdate(reason: string): void {
    for (const boot of this.#boots.values()) boot.staleReason = reason;
  }

  /** Calls from now on must not get what comes of it. */
  isStale(id: InstanceId): boolean {
    return this.#boots.get(id)?.staleReason !== undefined;
  }

  views(): InstanceView[] {
    return [...this.#boots.values()].map((boot) => boot.view);
  }
}
