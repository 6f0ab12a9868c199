import type { Invocation, ResponseHead, ResponseSink } from '../../backend/core/invocation.ts';
import type { Clock } from '../../backend/core/ports/clock.ts';
import type { PreparedImage } from '../../backend/core/ports/isolation-driver.ts';
import type { LogEntry } from '../../backend/core/ports/log-sink.ts';
import type { Logger } from '../../backend/core/ports/logger.ts';
import type { MetricEvent } from '../../backend/core/ports/metrics-sink.ts';
import type { RuntimeAdapter } from '../../backend/core/ports/runtime-adapter.ts';
import type { SecretSource } from '../../backend/core/ports/secrets.ts';
import { SystemClock } from '../../backend/core/system-clock.ts';
import type { VersionSpec } from '../../backend/core/version.ts';
import { FakeDriver, type FakeDriverOptions } from '../../backend/execution-engine/drivers/fake/fake-driver.ts';
import type { FakeScript } from '../../backend/execution-engine/drivers/fake/fake-script.ts';
import { LocalInstancePool } from '../../backend/execution-engine/pool/local-instance-pool.ts';
import { defaultPoolSettings, type PoolSettings } from '../../backend/execution-engine/pool/pool-settings.ts';
import { protocolLinks } from '../../backend/execution-engine/pool/protocol-link.ts';
import { type BundleDigest, newId, type SandboxId } from '../../shared/ids.ts';
import { defaultVersionConfig, type RuntimeName, type VersionConfig } from '../../shared/version-config.ts';
import { noEgress } from '../support/no-egress.ts';
import { noSecrets } from '../support/no-secrets.ts';
import { type EventAgentOptions, eventAgents } from './event-agent.ts';

export const quietLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const fakeAdapter: RuntimeAdapter = {
  name: 'nodejs',
  probe: () => Promise.resolve({ status: 'available', version: '1' }),
  validate: () => Promise.resolve([]),
  plan: () => ({ runtime: 'nodejs', argv: [], env: {}, agent: { hostPath: '', guestPath: '' }, toolchain: [] }),
};

let versions = 0;
export function versionOf(config: Partial<VersionConfig> = {}, identity: Partial<VersionSpec> = {}): VersionSpec {
  const number = ++versions;
  return {
    versionId: newId('version'),
    functionId: newId('function'),
    functionName: `fn-${number}`,
    version: 1,
    digest: number.toString(16).padStart(64, '0') as BundleDigest,
    config: { ...defaultVersionConfig('nodejs', 'fake'), ...config },
    ...identity,
  };
}

export interface PoolRigOptions extends EventAgentOptions {
  readonly settings?: Partial<PoolSettings>;
  readonly script?: (ordinal: number) => Partial<FakeScript>;
  readonly clock?: Clock;
  readonly cancelGraceMs?: number;
  readonly secrets?: SecretSource;
  /** Hears of each bundle that is opened, and may refuse it. */
  readonly onOpen?: (digest: BundleDigest) => Promise<void>;
  /** A plain fake driver when left out. */
  readonly makeDriver?: (options: FakeDriverOptions) => FakeDriver;
}

/** A real pool over the fake driver, with an in-memory agent in every sandbox. */
export function poolRig(options: PoolRigOptions = {}) {
  const clock = options.clock ?? new SystemClock();
  const { agent, counts } = eventAgents(options);
  const makeDriver = options.makeDriver ?? ((given: FakeDriverOptions) => new FakeDriver(given));
  const driver = makeDriver({ script: (_spec, ordinal) => ({ agent, ...options.script?.(ordinal) }) });
  const events: MetricEvent[] = [];
  const metrics = { record: (event: MetricEvent) => void events.push(event), flush: () => Promise.resolve() };
  const lines: LogEntry[] = [];
  const handles = new Set<SandboxId>();
  const image = (digest: BundleDigest): PreparedImage => ({ digest, directory: '/x', sizeBytes: 1, fileCount: 1 });
  const pool = new LocalInstancePool({
    drivers: new Map([['fake', driver]]),
    driverHealth: () => ({ status: 'healthy', version: '1', tier: 'none', enforces: new Set(), notes: [] }),
    adapters: new Map<RuntimeName, RuntimeAdapter>([
      ['nodejs', fakeAdapter],
      ['custom', { ...fakeAdapter, name: 'custom' }],
    ]),
    bundles: {
      openToRun: async (digest) => {
        await options.onOpen?.(digest);
        return image(digest);
      },
      onCompiled: () => undefined,
    },
    sandboxes: {
      put: async (handle) => void handles.add(handle.id),
      remove: async (id) => void handles.delete(id),
      all: () => Promise.resolve([]),
    },
    secrets: options.secrets ?? noSecrets,
    openLink: protocolLinks({
      clock,
      cancelGraceMs: options.cancelGraceMs ?? 50,
      helloTimeoutMs: 5000,
      egress: noEgress,
      metrics,
    }),
    clock,
    metrics,
    logs: { append: (entry) => void lines.push(entry), flush: () => Promise.resolve() },
    logger: quietLogger,
    settings: {
      ...defaultPoolSettings,
      defaultIsolation: 'fake',
      maxInstances: 100,
      memoryBudgetMb: 100_000,
      maxSimultaneousBoots: 2,
      preWarmPerRuntime: 0,
      preWarmPerShape: 0,
      copiesAheadPerVersion: 0,
      ...options.settings,
    },
  });
  return { pool, driver, counts, events, lines, handles, clock };
}

/** A sink that keeps what it gets. */
export class KeepingSink implements ResponseSink {
  heads: ResponseHead[] = [];
  body = '';
  head(head: ResponseHead): void {
    this.heads.push(head);
  }
  chunk(data: Buffer): undefined {
    this.body += data.toString('utf8');
  }
  get json(): { sandbox: string; value: unknown } {
    return JSON.parse(this.body) as { sandbox: string; value: unknown };
  }
}

export function invocationOf(
  version: VersionSpec,
  event: unknown,
  clock: Clock,
  more: Partial<Invocation> = {},
): Invocation {
  return {
    id: newId('invocation'),
    version,
    qualifier: 'live',
    trigger: 'api',
    request: { kind: 'event', body: Buffer.from(JSON.stringify(event)) },
    acceptedAt: clock.now(),
    enteredAt: clock.monotonic(),
    deadlineAt: clock.now() + version.config.timeoutMs,
    attempt: 1,
    traceparent: undefined,
    depth: 0,
    replayOf: undefined,
    ...more,
  };
}
