import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type { RuntimeName } from '../../../../shared/version-config.ts';
import type {
  DriverCapabilities,
  DriverHealth,
  IsolationDriver,
  PreparedImage,
  SandboxSpec,
  SweepReport,
} from '../../../core/ports/isolation-driver.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import type { BuiltRuntimeImage, RuntimeImageRecord } from '../../../core/ports/runtime-images.ts';
import type { Sandbox } from '../../../core/ports/sandbox.ts';
import { packetRateOf } from '../support/egress/packet-rates.ts';
import { Holdings } from '../support/holdings.ts';
import { defaultOutputLimits, type OutputLimits } from '../support/output-reader.ts';
import { asPlatformError, throwIfAborted } from '../support/start-errors.ts';
import { StarvationWatch } from '../support/starvation-watch.ts';
import { ChannelListener } from './channel-listener.ts';
import type { EgressAccess, EngineWalls } from './container-spec.ts';
import { createContainers, removeStray } from './create-containers.ts';
import { DockerSandbox } from './docker-sandbox.ts';
import { EgressNetwork } from './egress/egress-network.ts';
import { toEngineEndpoint } from './engine/endpoint.ts';
import { EngineClient } from './engine/engine-client.ts';
import { engineErrorCodes, isEngineError } from './engine/engine-errors.ts';
import type { EngineInfo } from './engine/engine-types.ts';
import { EventWatch } from './event-watch.ts';
import { type ImageContainers, imageGraceSeconds } from './image-containers.ts';
import { DockerContainerImages } from './images/container-images.ts';
import { ImageMemo } from './images/image-memo.ts';
import { type ImagePlan, RuntimeImages } from './images/runtime-images.ts';
import { labels, type OwnerRecord, ownerOf } from './owner.ts';
import { attackFromNetwork, probeEngine } from './probe.ts';
import { wallsOf } from './seccomp-profile.ts';
import { type Slot, SlotTable } from './slots.ts';
import { sweepAll, sweepContainers } from './sweep.ts';

export interface DockerDriverOptions {
  /** For what is mounted into containers. The daemon must see the same files under the same path. */
  readonly runDirectory: string;
  /** `unix:///path` or `tcp://host:port`; empty or left out: /var/run/docker.sock. */
  readonly dockerHost?: string;
  /** Images to use instead of building them from this host's runtimes. */
  readonly images?: Partial<Readonly<Record<RuntimeName, string>>>;
  readonly outputLimits?: OutputLimits;
  /** IPv4 addresses that sandboxes with `egress: "all"` may ask for names. */
  readonly resolvers?: readonly string[];
  /** What one CPU of a version may send, and receive, with `egress: "all"`; 64 MiB/s when left out. */
  readonly networkBytesPerSecondAndCpu?: number | undefined;
  /** Sandboxes get user ids from here on; default 210000000. Where the daemon maps user ids, all get 65532. */
  readonly uidBase?: number;
  /** How long a daemon may be away before the sandboxes that it made are given up; default 10,000. */
  readonly daemonPatienceMs?: number;
  /** Longest wait for an answer of the daemon to one request; default 30,000. */
  readonly requestTimeoutMs?: number;
  readonly logger?: Logger;
}

const maxSandboxes = 10_000;
/** Above what distributions give to users, subordinate ids and the process driver. */
const defaultUidBase = 210_000_000;
/** `nonroot` of the distroless images; mapped by every user namespace of the usual 65,536 ids. */
const sharedUserId = 65_532;
const defaultDaemonPatienceMs = 10_000;
/** Between an out-of-memory kill and the end of its control group a daemon runs a program or two, which takes longer. */
const starvationCheckMs = 20;

/** What is settled once a daemon has answered. */
interface Session {
  readonly info: EngineInfo;
  readonly walls: EngineWalls;
  readonly slots: SlotTable;
}

/**
 * Runs sandboxes as containers of a Docker Engine (20.10 or newer), or of Podman's compatible service. Containers are made from images of
 * this host's own runtimes, reach the platform through a Unix socket that is mounted into them, and nothing else. What each
 * wall is for: docs/drivers/docker.md.
 */
export class DockerDriver implements IsolationDriver {
  readonly name = 'docker';
  readonly isServedByDaemon = true;
  readonly capabilities: DriverCapabilities = {
    isolation: 'container',
    channel: 'unix',
    enforces: new Set(['memory', 'cpu', 'pids', 'tmp', 'network']),
    egress: new Set(['none', 'all']),
    specialise: true,
    pause: true,
    survivesRestart: false,
  };
  readonly #options: DockerDriverOptions;
  readonly #engine: EngineClient;
  readonly #images: RuntimeImages;
  /** Images that versions name instead of a bundle. */
  readonly containerImages: DockerContainerImages;
  readonly #logger: Logger | undefined;
  readonly #base: string;
  readonly #live = new Map<SandboxId, DockerSandbox>();
  readonly #starvation = new StarvationWatch(this.#live, starvationCheckMs);
  /** Sandboxes whose container may exist before there is an object for it; a sweep must not take it for lost. */
  readonly #making = new Set<SandboxId>();
  #owner: OwnerRecord | undefined;
  #session: Promise<Session> | undefined;
  #events: EventWatch | undefined;
  #egress: EgressNetwork | undefined;
  #probedDaemon: string | undefined;
  #closed = false;

  constructor(options: DockerDriverOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#base = join(resolve(options.runDirectory), 'docker');
    this.#engine = new EngineClient({
      endpoint: toEngineEndpoint(options.dockerHost ?? ''),
      ...(options.requestTimeoutMs === undefined ? {} : { timeoutMs: options.requestTimeoutMs }),
    });
    this.containerImages = new DockerContainerImages(this.#engine);
    this.#images = new RuntimeImages({
      engine: this.#engine,
      logger: options.logger,
      memo: new ImageMemo(join(this.#base, 'images.json')),
      ...(options.images === undefined ? {} : { prebuilt: options.images }),
    });
  }

  /** A container is started for real with the first daemon that answers, and again when it is another one. */
  async probe(signal: AbortSignal): Promise<DriverHealth> {
    const { health, daemon } = await probeEngine({
      engine: this.#engine,
      create: (spec, until) => this.create(spec, until),
      directory: () => join(this.#base, this.#openOwner().token),
      provenDaemon: this.#probedDaemon,
      whyNoEgress: async () => await this.#openEgress().whyNot(),
      limitsOf: async ({ id }) => await this.#live.get(id)?.limits(),
      signal,
    });
    this.#probedDaemon = health.status === 'healthy' ? daemon : undefined;
    // A daemon that was replaced may be another version with other abilities.
    if (health.status !== 'healthy') this.#session = undefined;
    return health;
  }

  /** Nothing to bring along: a sandbox links the files at the moment it needs them. */
  async prepare(image: PreparedImage): Promise<PreparedImage> {
    return image;
  }

  /** Makes the image of this plan, from the files as they are now, unless the daemon has that very image. */
  async buildImage(plan: ImagePlan, signal: AbortSignal): Promise<BuiltRuntimeImage> {
    const progress: string[] = [];
    const image = await this.#images.refresh(plan, signal, (line) => progress.push(line));
    const { reference, digest, sizeBytes } = image;
    return { driver: this.name, runtime: plan.runtime, reference, digest, sizeBytes, isNew: image.built, progress };
  }

  /** Runtime images that the daemon has, of all platforms that use it. */
  async listImages(signal: AbortSignal): Promise<readonly RuntimeImageRecord[]> {
    return (await this.#images.list(signal)).map((image) => ({ driver: this.name, ...image }));
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    throwIfAborted(signal);
    const session = await this.#open(signal);
    const access = spec.limits.egress === 'all' ? await this.#openEgress().open(signal) : undefined;
    return await this.#createWith(session, spec, access, signal);
  }

  async #createWith(
    session: Session,
    spec: SandboxSpec,
    access: EgressAccess | undefined,
    signal: AbortSignal,
  ): Promise<Sandbox> {
    this.#making.add(spec.id);
    try {
      return await this.#make(session, spec, access, signal);
    } catch (error) {
      // Its self-test says nothing any more: the next probe starts a container for real, until one can be.
      if (isEngineError(error, engineErrorCodes.diskFull)) this.#probedDaemon = undefined;
      throw error;
    } finally {
      this.#making.delete(spec.id);
    }
  }

  #openEgress(): EgressNetwork {
    const { token, home } = this.#openOwner();
    const directory = join(this.#base, token);
    this.#egress ??= new EgressNetwork({
      engine: this.#engine,
      home,
      directory,
      resolvers: this.#options.resolvers ?? [],
      logger: this.#logger,
      attack: (gateway, access) =>
        attackFromNetwork(directory, gateway, async (spec, until) =>
          this.#createWith(await this.#open(until), spec, access, until),
        ),
    });
    return this.#egress;
  }

  /** Sandboxes end with the platform: their channel does. What is left of them is swept. */
  recover(): Promise<Sandbox | undefined> {
    return Promise.resolve(undefined);
  }

  async sweep(known: ReadonlySet<SandboxId>): Promise<SweepReport> {
    const strangers = [...this.#live.values()].filter((sandbox) => !known.has(sandbox.id));
    await Promise.all(strangers.map((sandbox) => sandbox.destroy('swept')));
    const swept = await sweepAll(this.#sweepOptions(), this.#base);
    return { ...swept, removed: [...strangers.map((sandbox) => `sandbox ${sandbox.id}`), ...swept.removed] };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#images.close();
    await Promise.all([...this.#live.values()].map((sandbox) => sandbox.destroy('driver closed')));
    await this.#egress?.close();
    await this.#events?.close();
    this.#engine.close();
    if (this.#owner !== undefined) rmSync(join(this.#base, this.#owner.token), { recursive: true, force: true });
  }

  async #make(
    session: Session,
    spec: SandboxSpec,
    access: EgressAccess | undefined,
    signal: AbortSignal,
  ): Promise<Sandbox> {
    const holdings = new Holdings();
    const slot = session.slots.take();
    holdings.hold('slot directory', () => slot.free());
    let channel: ChannelListener | undefined;
    let containers: ImageContainers;
    try {
      if (spec.image !== undefined && spec.image.container === undefined) await slot.load(spec.image, signal);
      channel = await ChannelListener.open(slot.socketPath);
      const owner = this.#openOwner();
      const { walls } = session;
      const [engine, images] = [this.#engine, this.#images];
      containers = await createContainers({
        engine,
        images,
        owner,
        walls,
        slot,
        channel,
        spec,
        access,
        signal,
      });
    } catch (error) {
      channel?.close('it could not be made');
      await removeStray(this.#engine, spec.id);
      await holdings.giveBack();
      throw asPlatformError(error);
    }
    return await this.#begin({ session, slot, holdings, channel, containers, spec, signal });
  }

  async #open(signal: AbortSignal): Promise<Session> {
    if (this.#closed) throw new PlatformError('unavailable', 'driver_closed', 'the docker driver is closed');
    this.#session ??= this.#openSession();
    const session = this.#session;
    session.catch(() => {
      if (this.#session === session) this.#session = undefined;
    });
    const opened = await session;
    await this.#events?.start();
    throwIfAborted(signal);
    return opened;
  }

  async #openSession(): Promise<Session> {
    const info = await this.#engine.info();
    const owner = this.#openOwner();
    const isMapped = (info.SecurityOptions ?? []).some((option) => /name=(userns|rootless)/.test(option));
    const uidBase = this.#options.uidBase ?? defaultUidBase;
    this.#events ??= new EventWatch({
      engine: this.#engine,
      label: `${labels.instance}=${owner.token}`,
      actions: ['oom'],
      onEvent: (event) => this.#onOutOfMemory(event.Actor?.Attributes?.[labels.sandbox]),
      onBack: () => void this.#removeLost(),
      logger: this.#logger,
    });
    return {
      info,
      walls: wallsOf(info, join(this.#base, owner.token)),
      slots: new SlotTable({
        directory: join(this.#base, owner.token),
        count: maxSandboxes,
        userIdOf: (slot) => (isMapped ? sharedUserId : uidBase + slot),
      }),
    };
  }

  #openOwner(): OwnerRecord {
    if (this.#owner !== undefined) return this.#owner;
    mkdirSync(this.#base, { recursive: true, mode: 0o700 });
    const owner = ownerOf(this.#base);
    const directory = join(this.#base, owner.token);
    // Nobody but the platform (and the daemon) may pass: below are sockets that anybody may connect to.
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, 'owner.json'), JSON.stringify(owner), { mode: 0o600 });
    this.#owner = owner;
    return owner;
  }

  async #begin(parts: {
    readonly session: Session;
    readonly slot: Slot;
    readonly holdings: Holdings;
    readonly channel: ChannelListener;
    readonly containers: ImageContainers;
    readonly spec: SandboxSpec;
    readonly signal: AbortSignal;
  }): Promise<Sandbox> {
    const { session, slot, holdings, channel, containers, spec, signal } = parts;
    const containerId = containers.programId;
    const isProgram = spec.image?.container !== undefined;
    const sandbox = new DockerSandbox({
      id: spec.id,
      containerId,
      engine: this.#engine,
      channel,
      slot,
      holdings,
      outputLimits: this.#options.outputLimits ?? defaultOutputLimits,
      hasImage: spec.image !== undefined,
      companionId: containers.agentId,
      graceSeconds: isProgram ? imageGraceSeconds : 0,
      daemonPatienceMs: this.#options.daemonPatienceMs ?? defaultDaemonPatienceMs,
      onGone: (failures) => this.#forget(spec.id, failures),
    });
    this.#live.set(spec.id, sandbox);
    if (!session.walls.tellsOutOfMemory) this.#starvation.update();
    let started = false;
    try {
      // Attached before the start, so that not a line is missed.
      sandbox.readFrom(await this.#engine.attachOutput(containerId));
      await this.#engine.startContainer(containerId, signal);
      started = true;
      const { State, NetworkSettings } = await this.#engine.inspectContainer(containerId);
      sandbox.setPid(State.Pid);
      const address = Object.values(NetworkSettings?.Networks ?? {})[0]?.IPAddress ?? '';
      if (this.#egress !== undefined && address !== '') {
        const rate = packetRateOf(spec.limits, this.#options.networkBytesPerSecondAndCpu);
        await sandbox.joinNetwork(this.#egress, address, rate);
      }
      sandbox.watch();
      throwIfAborted(signal);
      return sandbox;
    } catch (error) {
      // A start that failed or was aborted may have happened nevertheless; removing ends it in any case.
      sandbox.watch();
      await sandbox.destroy('it could not begin').catch(() => undefined);
      throwIfAborted(signal);
      if (started || sandbox.lastError === '') throw asPlatformError(error);
      const message = `a sandbox could not be started: ${sandbox.lastError}`;
      throw new PlatformError('unavailable', 'sandbox_not_started', message, { cause: error });
    }
  }

  #forget(id: SandboxId, failures: readonly string[]): void {
    this.#live.delete(id);
    this.#starvation.update();
    if (failures.length > 0) this.#logger?.error({ sandboxId: id, failures }, 'a sandbox left something behind');
  }

  #sweepOptions() {
    const isLive = (id: string) => this.#live.has(id as SandboxId) || this.#making.has(id as SandboxId);
    return { engine: this.#engine, owner: this.#openOwner(), isLive };
  }

  #onOutOfMemory(id: string | undefined): void {
    this.#live.get((id ?? '') as SandboxId)?.endForMemory();
  }

  /** After the daemon was away: containers of ours that we have given up meanwhile. */
  async #removeLost(): Promise<void> {
    const report = await sweepContainers(this.#sweepOptions());
    if (report.removed.length > 0) this.#logger?.info(report, 'removed containers that were lost with the daemon');
  }
}
