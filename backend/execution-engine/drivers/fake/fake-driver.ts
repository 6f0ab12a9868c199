import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type {
  DriverCapabilities,
  DriverHealth,
  IsolationDriver,
  PreparedImage,
  SandboxSpec,
  SweepReport,
} from '../../../core/ports/isolation-driver.ts';
import type { Sandbox, SandboxHandle } from '../../../core/ports/sandbox.ts';
import { FakeSandbox } from './fake-sandbox.ts';
import type { FakeScript } from './fake-script.ts';
import { runStep } from './fake-script.ts';

export interface FakeDriverOptions {
  /** What each sandbox does. `ordinal` counts creations from 0, so that a test can let the n-th one fail. */
  readonly script?: (spec: SandboxSpec, ordinal: number) => FakeScript;
  readonly capabilities?: Partial<DriverCapabilities>;
  readonly health?: DriverHealth;
}

const fakeCapabilities: DriverCapabilities = {
  isolation: 'none',
  channel: 'fd',
  enforces: new Set(),
  egress: new Set(['none', 'all']),
  specialise: true,
  pause: true,
  survivesRestart: false,
};

/** A driver without processes, for tests of everything above drivers: its sandboxes do what a script says. */
export class FakeDriver implements IsolationDriver {
  readonly name = 'fake';
  readonly capabilities: DriverCapabilities;
  /** Every sandbox ever created, in order; for assertions. */
  readonly created: FakeSandbox[] = [];
  /** Digests given to `prepare`, in order; for assertions. */
  readonly prepared: string[] = [];
  readonly #script: (spec: SandboxSpec, ordinal: number) => FakeScript;
  readonly #health: DriverHealth;
  readonly #live = new Map<SandboxId, FakeSandbox>();
  #ordinal = 0;
  #closed = false;

  constructor(options: FakeDriverOptions = {}) {
    this.#script = options.script ?? (() => ({}));
    this.capabilities = { ...fakeCapabilities, ...options.capabilities };
    this.#health = options.health ?? {
      status: 'healthy',
      version: '1',
      tier: 'none',
      enforces: this.capabilities.enforces,
      notes: ['runs nothing; for tests'],
    };
  }

  /** Sandboxes that have not ended; for assertions. */
  get live(): readonly FakeSandbox[] {
    return [...this.#live.values()];
  }

  probe(): Promise<DriverHealth> {
    return Promise.resolve(this.#health);
  }

  prepare(image: PreparedImage): Promise<PreparedImage> {
    this.prepared.push(image.digest);
    return Promise.resolve(image);
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    if (this.#closed) throw new PlatformError('unavailable', 'driver_closed', 'the fake driver is closed');
    const script = this.#script(spec, this.#ordinal++);
    await runStep(script, 'create', signal);
    const sandbox = new FakeSandbox(spec, script);
    this.created.push(sandbox);
    this.#live.set(spec.id, sandbox);
    // `exited` never rejects.
    void sandbox.exited.then(() => this.#live.delete(spec.id));
    return sandbox;
  }

  recover(handle: SandboxHandle): Promise<Sandbox | undefined> {
    return Promise.resolve(this.#live.get(handle.id));
  }

  async sweep(known: ReadonlySet<SandboxId>): Promise<SweepReport> {
    const removed: string[] = [];
    for (const [id, sandbox] of this.#live) {
      if (known.has(id)) continue;
      await sandbox.destroy('swept');
      removed.push(`sandbox ${id}`);
    }
    return { removed, failed: [] };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.live.map((sandbox) => sandbox.destroy('driver closed')));
  }
}
