import { join } from 'node:path';
import { PlatformError } from '../../../shared/errors.ts';
import { MiB } from '../../../shared/limits.ts';
import type { RuntimeName } from '../../../shared/version-config.ts';
import type { Settings } from '../../config/schema.ts';
import type { ContainerImages } from '../../core/ports/container-images.ts';
import type { GuestImages } from '../../core/ports/guest-images.ts';
import type { IsolationDriver, SandboxLimits } from '../../core/ports/isolation-driver.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { RuntimeAdapter } from '../../core/ports/runtime-adapter.ts';
import type { RuntimeImages } from '../../core/ports/runtime-images.ts';
import { DockerDriver } from './docker/docker-driver.ts';
import { FirecrackerDriver } from './firecracker/firecracker-driver.ts';
import { NanosDriver } from './nanos/nanos-driver.ts';
import { ProcessDriver } from './process/process-driver.ts';
import { QemuDriver } from './qemu/qemu-driver.ts';
import { GuestBuilds } from './support/guest/guest-builds.ts';
import { UnsandboxedDriver } from './unsandboxed/unsandboxed-driver.ts';

/** What a plan's files are does not depend on the limits; its arguments do, and those are in no image. */
const anyLimits: SandboxLimits = { memoryMb: 128, cpus: 1, maxPids: 64, tmpMb: 64, egress: 'none' };

/** How the guests of these drivers talk to their host. */
const guestTransports = { qemu: 'serial', firecracker: 'vsock' } as const;

export interface CatalogOptions {
  readonly settings: Settings;
  /** Where sandboxes that run keep what they need on the host. */
  readonly runDirectory: string;
  readonly logger: Logger;
}

/** What drivers are told, in groups that several of them take. */
interface DriverNeeds {
  readonly settings: Settings;
  readonly host: { readonly runDirectory: string; readonly logger: Logger };
  /** For drivers whose jail is bubblewrap's. */
  readonly bwrap: { readonly bwrapPath?: string };
  /** For drivers with a way to the network. */
  readonly egress: { readonly resolvers: readonly string[]; readonly networkBytesPerSecondAndCpu: number };
  /** For drivers with guests of their own kernel. */
  readonly guest: { readonly guestDirectory: string; readonly kernel: string; readonly busybox: string };
}

interface CatalogLine {
  /** Without it the level does not exist here. Left out: it always does. */
  readonly isWanted?: (settings: Settings) => boolean;
  readonly make: (needs: DriverNeeds) => IsolationDriver;
}

/** With `drivers/<name>/`, a line here is all that a new driver needs. */
const catalog: readonly CatalogLine[] = [
  {
    make: ({ settings, host, bwrap }) =>
      new ProcessDriver({ ...host, ...bwrap, minimumTier: settings.HEARTH_MINIMUM_TIER }),
  },
  {
    make: ({ settings, host, egress }) =>
      new DockerDriver({
        ...host,
        ...egress,
        dockerHost: settings.HEARTH_DOCKER_HOST === '' ? settings.DOCKER_HOST : settings.HEARTH_DOCKER_HOST,
        images: {
          ...(settings.HEARTH_DOCKER_IMAGE_NODEJS === '' ? {} : { nodejs: settings.HEARTH_DOCKER_IMAGE_NODEJS }),
          ...(settings.HEARTH_DOCKER_IMAGE_PYTHON === '' ? {} : { python: settings.HEARTH_DOCKER_IMAGE_PYTHON }),
        },
      }),
  },
  {
    // Its probe makes a guest and starts QEMU, which nobody should wait for who does not want it.
    isWanted: (settings) => settings.HEARTH_QEMU || settings.HEARTH_ISOLATION === 'qemu',
    make: ({ settings, host, bwrap, egress, guest }) =>
      new QemuDriver({
        ...{ ...host, ...bwrap, ...egress, ...guest },
        snapshotDirectory: join(host.runDirectory, 'snapshots', 'qemu'),
        qemuPath: settings.HEARTH_QEMU_PATH,
      }),
  },
  {
    // Its probe makes a guest and boots it.
    isWanted: (settings) => settings.HEARTH_FIRECRACKER || settings.HEARTH_ISOLATION === 'firecracker',
    make: ({ settings, host, bwrap, egress, guest }) =>
      new FirecrackerDriver({
        ...{ ...host, ...bwrap, ...egress, ...guest },
        snapshotDirectory: join(host.runDirectory, 'snapshots', 'firecracker'),
        firecrackerPath: settings.HEARTH_FIRECRACKER_PATH,
        jailerPath: settings.HEARTH_FIRECRACKER_JAILER_PATH,
      }),
  },
  {
    // Its probe boots a unikernel.
    isWanted: (settings) => settings.HEARTH_NANOS_HOME !== '' || settings.HEARTH_ISOLATION === 'nanos',
    make: ({ settings, host, bwrap, guest }) =>
      new NanosDriver({
        ...{ ...host, ...bwrap },
        guestDirectory: guest.guestDirectory,
        home: settings.HEARTH_NANOS_HOME,
        qemuPath: settings.HEARTH_QEMU_PATH,
      }),
  },
  {
    // Never reachable by accident.
    isWanted: (settings) => settings.HEARTH_ALLOW_UNSANDBOXED,
    make: ({ host }) => new UnsandboxedDriver(host),
  },
];

/** Every isolation driver that this installation allows. */
export function createDrivers(options: CatalogOptions): readonly IsolationDriver[] {
  const wanted = catalog.filter(({ isWanted }) => isWanted?.(options.settings) ?? true);
  const needs = needsFrom(options);
  return wanted.map(({ make }) => make(needs));
}

function needsFrom({ settings, runDirectory, logger }: CatalogOptions): DriverNeeds {
  return {
    settings,
    host: { runDirectory, logger },
    bwrap: settings.HEARTH_BWRAP_PATH === '' ? {} : { bwrapPath: settings.HEARTH_BWRAP_PATH },
    egress: {
      resolvers: settings.HEARTH_EGRESS_RESOLVERS,
      networkBytesPerSecondAndCpu: settings.HEARTH_EGRESS_MIB_PER_SECOND * MiB,
    },
    guest: {
      guestDirectory: guestDirectoryOf(runDirectory),
      kernel: settings.HEARTH_GUEST_KERNEL,
      busybox: settings.HEARTH_GUEST_BUSYBOX,
    },
  };
}

/** The images of users, where a driver runs them. */
export function createContainerImages(drivers: readonly IsolationDriver[]): ContainerImages | undefined {
  return drivers.find((driver) => driver instanceof DockerDriver)?.containerImages;
}

/** The images of the drivers that start runtimes from images. */
export function createRuntimeImages(
  drivers: readonly IsolationDriver[],
  adapters: ReadonlyMap<RuntimeName, RuntimeAdapter>,
): RuntimeImages {
  const docker = drivers.find((driver) => driver instanceof DockerDriver);
  return {
    list: async (signal) => (await docker?.listImages(signal)) ?? [],
    build: async (runtime, signal) => {
      const adapter = adapters.get(runtime);
      if (docker === undefined || adapter === undefined) {
        const message = `there is no image for ${runtime} here; runtimes with images: ${[...adapters.keys()].join(', ')}`;
        throw new PlatformError('unprocessable', 'runtime_missing', message);
      }
      return await docker.buildImage(adapter.plan(anyLimits), signal);
    },
  };
}

/** What the drivers with guests boot from. */
export function createGuestImages(options: {
  readonly settings: Settings;
  readonly runDirectory: string;
  readonly drivers: readonly IsolationDriver[];
  readonly adapters: ReadonlyMap<RuntimeName, RuntimeAdapter>;
}): GuestImages {
  const { settings, drivers, adapters } = options;
  return new GuestBuilds({
    directory: guestDirectoryOf(options.runDirectory),
    kernel: settings.HEARTH_GUEST_KERNEL,
    busybox: settings.HEARTH_GUEST_BUSYBOX,
    drivers: drivers.flatMap(({ name }) =>
      name === 'qemu' || name === 'firecracker' ? [{ name, transport: guestTransports[name] }] : [],
    ),
    plan: (runtime) => {
      const adapter = adapters.get(runtime);
      // A user's image is run by the docker driver alone.
      if (adapter === undefined || runtime === 'image') {
        const known = [...adapters.keys()].filter((name) => name !== 'image').join(', ');
        throw new PlatformError('unprocessable', 'runtime_missing', `no guest can run ${runtime}; runtimes: ${known}`);
      }
      return adapter.plan(anyLimits);
    },
    limits: anyLimits,
  });
}

function guestDirectoryOf(runDirectory: string): string {
  return join(runDirectory, 'guests');
}
