import type { DriverDocument, PoolDocument, Pools, RuntimeDocument, SystemDocument } from '../../shared/api/system.ts';
import { limits } from '../../shared/limits.ts';
import { projectOf, shortNameOf } from '../../shared/names.ts';
import type { IsolationLevel } from '../../shared/version-config.ts';
import type { DriverFinding, RuntimeFinding } from '../control-plane/host-inventory.ts';
import type { PoolView } from '../core/ports/instance-pool.ts';
import type { ApiContext } from './context.ts';
import { timeText } from './documents.ts';

type Measuring = Pick<ApiContext['controlPlane'], 'pool' | 'levelCosts'>;

/** The level as the platform's own calls have found it; memory as it is at this moment. */
function measuredAt(level: IsolationLevel, { pool, levelCosts }: Measuring): DriverDocument['measured'] {
  const cost = levelCosts.of(level);
  if (cost === undefined) return null;
  const idle = pool
    .pools()
    .filter(({ version }) => version.config.isolation === level)
    .flatMap(({ instances }) => instances.filter(({ state }) => state === 'idle'))
    .map(({ usage }) => usage.memoryBytes)
    .filter((bytes) => bytes > 0)
    .sort((a, b) => a - b);
  return {
    booted: cost.booted ?? null,
    waiting: cost.waiting ?? null,
    quickestWarmMs: cost.quickestWarmMs ?? null,
    warmCalls: cost.warmCalls,
    idleInstances: idle.length,
    idleMemoryBytes: idle[Math.floor(idle.length / 2)] ?? cost.idleMemoryBytes ?? null,
  };
}

export function driverDocument({ driver, health, isDefault }: DriverFinding, measuring: Measuring): DriverDocument {
  const isHealthy = health.status === 'healthy';
  return {
    name: driver.name,
    isDefault,
    status: health.status,
    isolation: driver.capabilities.isolation,
    version: isHealthy ? health.version : null,
    tier: isHealthy ? health.tier : null,
    enforces: isHealthy ? [...health.enforces].sort() : [],
    reason: isHealthy ? null : health.reason,
    fix: isHealthy ? null : health.fix,
    notes: isHealthy ? [...health.notes] : [],
    measured: measuredAt(driver.name, measuring),
  };
}

function runtimeDocument({ name, health }: RuntimeFinding): RuntimeDocument {
  return health.status === 'available'
    ? { name, status: 'available', version: health.version, reason: null, fix: null }
    : { name, status: 'missing', version: null, reason: health.reason, fix: health.fix };
}

function poolDocument({ version, instances, waiting, keepAlive, pausedCopies, scaling }: PoolView): PoolDocument {
  return {
    functionName: shortNameOf(version.functionName),
    version: version.version,
    waiting,
    keepAlive: {
      ...keepAlive,
      quietMs: keepAlive.quietMs ?? null,
      coldStartsAvoidedPerMbHour:
        keepAlive.idleMbHours === 0 ? null : keepAlive.coldStartsAvoided / keepAlive.idleMbHours,
    },
    pausedCopies: { ...pausedCopies },
    scaling: { target: scaling.target, boots: scaling.boots, mode: scaling.mode, reason: scaling.reason },
    instances: instances.map((instance) => ({
      id: instance.id,
      state: instance.state,
      inFlight: instance.inFlight,
      start: instance.start,
      createdAt: timeText(instance.createdAt),
      invocations: instance.invocations,
      memoryBytes: instance.usage.memoryBytes,
      peakMemoryBytes: instance.usage.peakMemoryBytes,
      cpuMs: instance.usage.cpuMs,
      io: instance.usage.io === undefined ? null : { ...instance.usage.io },
    })),
  };
}

export function poolsDocument(
  { pool, scheduler }: Pick<ApiContext['controlPlane'], 'pool' | 'scheduler'>,
  project: string,
): Pools {
  const { places, reserved, inFlight } = scheduler.stats();
  const isShown = ({ version }: PoolView) => projectOf(version.functionName) === project;
  return {
    places: { total: places, reserved, taken: inFlight },
    pools: pool.pools().filter(isShown).map(poolDocument),
    preWarmed: pool.preWarmed().map(({ runtime, isolation, count }) => ({ runtime, isolation, count })),
  };
}

/** The limits of design section 10 with dotted names, and what the operator set. */
function limitsDocument(extra: Readonly<Record<string, number | string>> = {}): Record<string, number | string> {
  const flat: Record<string, number | string> = {};
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value === 'number') flat[name] = value;
    else for (const [part, bound] of Object.entries(value)) flat[`${name}.${part}`] = bound;
  }
  return { ...flat, ...extra };
}

/** The page of the whole installation must not wait for a daemon that hangs. */
const imagesTimeoutMs = 2000;

/** Null while a daemon that is there does not answer. */
async function imagesOf({ inventory, images }: ApiContext['controlPlane']): Promise<SystemDocument['images']> {
  const found = inventory.drivers().find(({ driver }) => driver.capabilities.isolation === 'container');
  if (found === undefined || found.health.status === 'undetected' || images === undefined) return [];
  if (found.health.status === 'unhealthy') return null;
  try {
    return [...(await images.list(AbortSignal.timeout(imagesTimeoutMs)))];
  } catch {
    return null;
  }
}

export async function systemDocument({ controlPlane, facts }: ApiContext): Promise<SystemDocument> {
  const { inventory } = controlPlane;
  return {
    version: facts.version,
    nodeVersion: process.version,
    startedAt: timeText(facts.startedAt),
    gatewayUrl: facts.gatewayUrl(),
    controlUrl: facts.controlUrl(),
    defaultIsolation: inventory.defaultIsolation,
    warnings: [...facts.warnings()],
    drivers: inventory.drivers().map((finding) => driverDocument(finding, controlPlane)),
    runtimes: inventory.runtimes().map(runtimeDocument),
    images: await imagesOf(controlPlane),
    limits: limitsDocument(facts.limits),
  };
}
