import { limits, MiB } from '../../../../shared/limits.ts';
import { codeDirectory, type SandboxSpec } from '../../../core/ports/isolation-driver.ts';
import { guestChannelDirectory } from '../support/runtime-files.ts';
import type { ContainerMount, ContainerSpec, HostConfig } from './engine/engine-types.ts';

export const channelSocketName = 'channel.sock';
/** Docker's init (tini), which reaps orphans and is process 1. */
export const launcherProcesses = 1;

const sharedMemoryBytes = 16 * MiB;
/**
 * A second wall behind `PidsLimit`, of the user id and not of the sandbox, so above what any may ask for. Podman would otherwise raise
 * it to 4,194,304, which a daemon without CAP_SYS_RESOURCE may not.
 */
const maxProcessesOfUser = 2 * limits.maxPids.max;
const maxOpenFiles = 1024;
const maxLockedBytes = 64 * 1024;
/** Files may grow a little beyond /tmp, so that a full /tmp says ENOSPC and does not kill by SIGXFSZ. */
const fileSizeSlackBytes = 16 * MiB;
/**
 * `CpuShares` of one whole CPU, a sixteenth of the default of 1024: under load the platform and other software come first, and
 * containers compete in proportion to what they were promised.
 */
const sharesPerCpu = 64;
/** The kernel's least. */
const minShares = 2;
/** Under memory pressure of the whole machine sandboxes go before the platform. */
const oomScoreAdjustment = 500;

/** What tells about the host or its kernel is hidden: Docker's default list, and more. /sys has nothing for a function. */
export const maskedPaths: readonly string[] = [
  ...[
    'acpi',
    'asound',
    'cmdline',
    'config.gz',
    'interrupts',
    'kallsyms',
    'kcore',
    'key-users',
    'keys',
    'latency_stats',
  ],
  ...['sched_debug', 'scsi', 'timer_list', 'timer_stats'],
]
  .map((name) => `/proc/${name}`)
  .concat('/sys');
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Host paths of one sandbox, as the daemon sees them. */
export interface SlotPaths {
  readonly code: string;
  readonly channel: string;
  readonly passwd: string;
}

/** The network of a sandbox with `egress: "all"`. */
export interface EgressAccess {
  /** The network's name. */
  readonly network: string;
  /** A file on the host that says where names are resolved. */
  readonly resolvConf: string;
}

export interface ContainerInput {
  readonly spec: SandboxSpec;
  readonly image: string;
  /** Undefined: no network. */
  readonly access: EgressAccess | undefined;
  readonly userId: number;
  readonly paths: SlotPaths;
  readonly labels: Readonly<Record<string, string>>;
  /** The same for every sandbox. */
  readonly walls: EngineWalls;
}

/** What this daemon has to be asked for besides, because it is Docker or because it is Podman. */
export interface EngineWalls {
  readonly securityOptions: readonly string[];
  /** Folders that the daemon would fill with a writable file system of its own. */
  readonly closedFolders: readonly string[];
  /** Its events say when the kernel killed a process of a container for lack of memory. */
  readonly tellsOutOfMemory: boolean;
}

/** The whole of a sandbox as Docker is asked for it. Every wall is named here; docs/drivers/docker.md says what each is for. */
export function containerSpec(input: ContainerInput): ContainerSpec {
  const { spec, userId } = input;
  const [program = '', ...args] = spec.plan.argv;
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: '/tmp',
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    ...spec.plan.env,
    HEARTH_CHANNEL: `unix:${guestChannelDirectory}/${channelSocketName}`,
  };
  return {
    Image: input.image,
    Entrypoint: [program],
    Cmd: args,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    User: `${userId}:${userId}`,
    WorkingDir: codeDirectory,
    Hostname: 'sandbox',
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: false,
    Tty: false,
    Labels: input.labels,
    StopSignal: 'SIGKILL',
    HostConfig: hostConfig(input),
  };
}

export function hostConfig({ spec, paths, access, walls }: ContainerInput): HostConfig {
  const { limits } = spec;
  const memoryBytes = limits.memoryMb * MiB;
  return {
    Init: true,
    ReadonlyRootfs: true,
    Privileged: false,
    NetworkMode: access?.network ?? 'none',
    IpcMode: 'none',
    CgroupnsMode: 'private',
    CapDrop: ['ALL'],
    SecurityOpt: walls.securityOptions,
    MaskedPaths: maskedPaths,
    ReadonlyPaths: readonlyPaths,
    Tmpfs: {
      '/tmp': `rw,nosuid,nodev,size=${limits.tmpMb * MiB},mode=1777`,
      '/dev/shm': `rw,nosuid,nodev,noexec,size=${sharedMemoryBytes},mode=1777`,
      ...Object.fromEntries(walls.closedFolders.map((folder) => [folder, 'ro,nosuid,nodev,noexec,size=4k'])),
    },
    Mounts: [
      readOnlyMount(paths.code, codeDirectory),
      readOnlyMount(paths.channel, guestChannelDirectory),
      readOnlyMount(paths.passwd, '/etc/passwd'),
      ...resolverMounts(access),
    ],
    Memory: memoryBytes,
    // Memory and swap together: equal means no swap.
    MemorySwap: memoryBytes,
    NanoCpus: Math.round(limits.cpus * 1e9),
    CpuShares: Math.max(minShares, Math.round(limits.cpus * sharesPerCpu)),
    PidsLimit: limits.maxPids + launcherProcesses,
    OomScoreAdj: oomScoreAdjustment,
    Ulimits: [
      ulimit('nofile', maxOpenFiles),
      ulimit('nproc', maxProcessesOfUser),
      ulimit('core', 0),
      ulimit('memlock', maxLockedBytes),
      ulimit('fsize', limits.tmpMb * MiB + fileSizeSlackBytes),
    ],
    // Output is read from the attached streams, within our own limits; nothing of it reaches the daemon's disk.
    LogConfig: { Type: 'none', Config: {} },
    RestartPolicy: { Name: 'no' },
    AutoRemove: false,
  };
}

/** Docker's own resolver would tell sandboxes about one another. */
export function resolverMounts(access: EgressAccess | undefined): readonly ContainerMount[] {
  return access === undefined ? [] : [readOnlyMount(access.resolvConf, '/etc/resolv.conf')];
}

export function readOnlyMount(source: string, target: string): ContainerMount {
  return { Type: 'bind', Source: source, Target: target, ReadOnly: true, BindOptions: { Propagation: 'rprivate' } };
}

function ulimit(name: string, value: number): HostConfig['Ulimits'][number] {
  return { Name: name, Soft: value, Hard: value };
}
