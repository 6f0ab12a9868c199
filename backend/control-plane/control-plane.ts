import { hourMs } from '../../shared/durations.ts';
import type { BackupWriter } from '../core/ports/backups.ts';
import type { BundleBuilder } from '../core/ports/bundle-builder.ts';
import type { BundleStore } from '../core/ports/bundle-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { ContainerImages } from '../core/ports/container-images.ts';
import type { GuestImages } from '../core/ports/guest-images.ts';
import type { InstancePool } from '../core/ports/instance-pool.ts';
import type { InvocationJournal } from '../core/ports/invocation-journal.ts';
import type { LevelCosts } from '../core/ports/level-costs.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { MetricsReader } from '../core/ports/metrics-reader.ts';
import type { MetricsSink } from '../core/ports/metrics-sink.ts';
import type { RuntimeImages } from '../core/ports/runtime-images.ts';
import type { Scheduler } from '../core/ports/scheduler.ts';
import type { SecretKeeper } from '../core/ports/secrets.ts';
import type { Store } from '../core/ports/store.ts';
import { ChangeLock } from '../util/change-lock.ts';
import type { Alerts } from './alerts.ts';
import { Aliases } from './aliases.ts';
import { Backups } from './backups.ts';
import { Builds } from './builds.ts';
import { BundleGate } from './bundle-gate.ts';
import { Costs } from './costs.ts';
import { DeadLetters } from './dead-letters.ts';
import { Deployments } from './deployments.ts';
import { Drafts } from './drafts.ts';
import { ErrorGroups } from './error-groups.ts';
import { FirstUses } from './first-uses.ts';
import type { InMemoryFunctionDirectory } from './function-directory.ts';
import { Functions } from './functions.ts';
import type { HostInventory } from './host-inventory.ts';
import { Invocations, type InvocationsOptions } from './invocations.ts';
import { LevelMeasurement } from './level-measurement.ts';
import { Projects } from './projects.ts';
import { Reservations } from './reservations.ts';
import { Rollout } from './rollout.ts';
import { Schedules } from './schedules.ts';
import { Secrets } from './secrets.ts';
import { Sessions } from './sessions.ts';
import { SignInGuard } from './sign-in-guard.ts';
import { TestEvents } from './test-events.ts';
import { TokenGuard } from './token-guard.ts';
import type { Tokens } from './tokens.ts';
import { Users } from './users.ts';
import { VersionCode } from './version-code.ts';
import { VersionImages, type VersionImagesOptions } from './version-images.ts';
import { VersionPreview } from './version-preview.ts';
import { Versions } from './versions.ts';

export interface ControlPlaneOptions {
  readonly store: Store;
  /** Loaded from the same store. */
  readonly directory: InMemoryFunctionDirectory;
  readonly inventory: HostInventory;
  /** Loaded from the same store, after `ensureAdminToken`. */
  readonly tokens: Tokens;
  readonly builder: BundleBuilder;
  readonly bundles: BundleStore;
  readonly pool: Pick<
    InstancePool,
    'provision' | 'expect' | 'retireVersion' | 'recycle' | 'pools' | 'preWarmed' | 'acquire' | 'tryAcquire'
  >;
  readonly secrets: SecretKeeper;
  readonly scheduler: Pick<
    Scheduler,
    'invoke' | 'submit' | 'cancel' | 'stats' | 'running' | 'findRunning' | 'leftOutAt' | 'schedulesChanged' | 'reserve'
  >;
  readonly journal: Pick<InvocationJournal, 'pending'>;
  /** See `InvocationsOptions`. */
  readonly callChains?: InvocationsOptions['callChains'];
  readonly metrics: Pick<MetricsSink, 'record'>;
  /** Images that versions name instead of a bundle. */
  readonly containerImages?: ContainerImages;
  /** See `VersionImagesOptions`. */
  readonly readSecret?: VersionImagesOptions['readSecret'];
  /** Of drivers that start runtimes from images. */
  readonly images?: RuntimeImages;
  /** Of drivers with guests. */
  readonly guests?: GuestImages;
  readonly backups: BackupWriter;
  readonly alerts: Alerts;
  readonly numbers: Pick<MetricsReader, 'totals'>;
  readonly levelCosts: LevelCosts;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Wrong tokens per address and minute. 10 when left out. */
  readonly maxTokenFailuresPerMinute?: number;
  /** How long somebody who signed in stays so. 12 h when left out. */
  readonly sessionLifeMs?: number;
  /** A draft that is not called for so long is removed. 1 h when left out. */
  readonly draftIdleMs?: number;
}

/** The use cases, wired to one another. What they stand on arrives as ports. */
export interface ControlPlane {
  readonly functions: Functions;
  readonly deployments: Deployments;
  readonly builds: Builds;
  readonly drafts: Drafts;
  readonly versions: Versions;
  readonly versionPreview: VersionPreview;
  readonly aliases: Aliases;
  readonly schedules: Schedules;
  readonly invocations: Invocations;
  readonly deadLetters: DeadLetters;
  readonly errorGroups: ErrorGroups;
  readonly tokens: Tokens;
  readonly tokenGuard: TokenGuard;
  readonly projects: Projects;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly secrets: Secrets;
  readonly testEvents: TestEvents;
  readonly firstUses: FirstUses;
  readonly inventory: HostInventory;
  readonly directory: InMemoryFunctionDirectory;
  readonly store: Store;
  readonly pool: Pick<InstancePool, 'pools' | 'preWarmed'>;
  readonly scheduler: Pick<Scheduler, 'stats'>;
  readonly images: RuntimeImages | undefined;
  readonly guests: GuestImages | undefined;
  readonly backups: Backups;
  readonly alerts: Alerts;
  readonly costs: Costs;
  readonly levelCosts: LevelCosts;
  readonly levelMeasurement: LevelMeasurement;
  readonly containerImages: ContainerImages | undefined;
  readonly clock: Clock;
  /** Tells pool and scheduler what to keep warm and what is reserved; once, when pool and directory are ready. */
  provision(): void;
  /** Resolves when background writes and prunes are over, for a graceful end. */
  settled(): Promise<void>;
}

export async function createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { store, directory, inventory, tokens, bundles, pool, scheduler, journal, clock, logger } = options;
  const lock = new ChangeLock();
  const digests = async () => new Set([...(await store.versions.digests()), ...drafts.digests()]);
  const gate = new BundleGate({ bundles, digests, logger });
  const reservations = new Reservations({ directory, hostPlaces: scheduler.stats().places });
  const rollout = new Rollout({ directory, reservations, pool, scheduler, gate, logger });
  const projects = new Projects({
    store,
    directory,
    lock,
    clock,
    countIn: (name) => ({
      members: users.members(name).length,
      tokens: tokens.list(name).length,
      secrets: options.secrets.list(name).length,
    }),
    onRemoved: (name) => {
      tokens.forgetProject(name);
      users.forgetProject(name);
      options.secrets.forgetProject(name);
    },
  });
  await projects.load();
  const users: Users = new Users({ store, projects, lock, clock, onSignedOut: (id) => sessions.forgetUser(id) });
  const guard = new SignInGuard({ store, clock });
  const sessions = new Sessions({ store, users, guard, clock, lifeMs: options.sessionLifeMs ?? 43_200_000 });
  await users.load();
  await sessions.load();
  const tokenGuard = new TokenGuard({ store, clock, logger, maxPerMinute: options.maxTokenFailuresPerMinute ?? 10 });
  await tokenGuard.load();
  const invocations = new Invocations({ store, directory, scheduler, journal, callChains: options.callChains, clock });
  const secrets = new Secrets({ store, keeper: options.secrets, directory, pool, lock, clock });
  const images = new VersionImages({ images: options.containerImages, readSecret: options.readSecret });
  const code = new VersionCode({ ...options, images });
  const builds = new Builds({ store, directory, clock, logger });
  await builds.recover();
  const firstUses = new FirstUses({ store, clock, logger });
  const drafts: Drafts = new Drafts({
    ...options,
    code,
    gate,
    secrets,
    lock,
    idleMs: options.draftIdleMs ?? hourMs,
  });
  const deployments = new Deployments({ ...options, code, builds, gate, rollout, reservations, lock, secrets });
  return {
    functions: new Functions({ store, directory, rollout, lock, clock }),
    deployments,
    builds,
    drafts,
    versions: new Versions({ store, directory, bundles }),
    versionPreview: new VersionPreview({ store, deployments }),
    aliases: new Aliases({ store, directory, rollout, reservations, lock, clock, secrets }),
    schedules: new Schedules({ store, directory, invocations, rollout, lock, clock }),
    invocations,
    deadLetters: new DeadLetters({ store, directory, invocations, clock }),
    errorGroups: new ErrorGroups({ store, directory, clock }),
    tokens,
    tokenGuard,
    projects,
    users,
    sessions,
    secrets,
    testEvents: new TestEvents({ store, directory, lock, clock }),
    firstUses,
    inventory,
    directory,
    store,
    pool,
    scheduler,
    images: options.images,
    guests: options.guests,
    backups: new Backups({ writer: options.backups, gate, store, clock }),
    alerts: options.alerts,
    levelCosts: options.levelCosts,
    levelMeasurement: new LevelMeasurement({ ...options, gate, costs: options.levelCosts }),
    costs: new Costs({ store, metrics: options.numbers, directory, clock }),
    containerImages: options.containerImages,
    clock,
    provision: () => {
      const shortage = reservations.shortage();
      if (shortage !== undefined) logger.warn({}, shortage);
      rollout.provision();
      // Of drafts, and of deploys that a crash cut off.
      gate.requestPrune();
    },
    settled: async () => {
      drafts.close();
      await gate.settled();
      await tokens.settled();
      await firstUses.settled();
      await tokenGuard.settled();
    },
  };
}
