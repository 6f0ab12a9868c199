/** The parts of the Docker Engine API (https://docs.docker.com/reference/api/engine/) that the driver uses, as the daemon spells them. */

export interface EngineVersion {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly Os: string;
  readonly Arch: string;
}

export interface EngineInfo {
  readonly ID: string;
  readonly ServerVersion: string;
  readonly Architecture: string;
  readonly OSType: string;
  readonly Driver: string;
  readonly CgroupDriver?: string;
  readonly CgroupVersion?: string;
  readonly MemoryLimit?: boolean;
  readonly SwapLimit?: boolean;
  readonly PidsLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly SecurityOptions?: readonly string[] | null;
  /** Podman's compatible service has it, Docker does not. */
  readonly BuildahVersion?: string;
}

export interface ContainerMount {
  readonly Type: 'bind';
  readonly Source: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
  readonly BindOptions?: { readonly Propagation: 'rprivate' };
}

export interface ContainerSpec {
  readonly Image: string;
  /** Those of the image when they are left out. */
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env: readonly string[];
  readonly User: string;
  readonly WorkingDir?: string;
  /** Left out where the network is another container's, which has a name already. */
  readonly Hostname?: string;
  readonly Healthcheck?: { readonly Test: readonly ['NONE'] };
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  readonly OpenStdin: false;
  readonly Tty: false;
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly HostConfig: HostConfig;
}

export interface HostConfig {
  readonly Init: boolean;
  readonly ReadonlyRootfs: boolean;
  readonly Privileged: false;
  readonly NetworkMode: string;
  readonly IpcMode: 'none';
  readonly CgroupnsMode: 'private';
  readonly CapDrop: readonly string[];
  readonly SecurityOpt: readonly string[];
  readonly MaskedPaths: readonly string[];
  readonly ReadonlyPaths: readonly string[];
  readonly Tmpfs: Readonly<Record<string, string>>;
  readonly Mounts: readonly ContainerMount[];
  readonly Memory: number;
  readonly MemorySwap: number;
  readonly MemorySwappiness?: number;
  readonly NanoCpus: number;
  readonly CpuShares: number;
  readonly PidsLimit: number;
  readonly OomScoreAdj: number;
  readonly Ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly LogConfig: { readonly Type: 'none'; readonly Config: Readonly<Record<string, string>> };
  readonly RestartPolicy: { readonly Name: 'no' };
  readonly AutoRemove: false;
}

export interface ContainerInspection {
  readonly Id: string;
  readonly Image: string;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly OOMKilled: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Error: string;
  };
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string }>> | null;
  };
}

export interface ContainerListing {
  readonly Id: string;
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface ContainerStats {
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } };
  readonly memory_stats?: {
    readonly usage?: number;
    /** Version 1 control groups alone. */
    readonly max_usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly pids_stats?: { readonly current?: number; readonly limit?: number };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null;
  };
}

export interface ImageListing {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly Size: number;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface ImageInspection {
  readonly Id: string;
  readonly Size: number;
  readonly Os?: string;
  readonly Architecture?: string;
  readonly RepoDigests?: readonly string[] | null;
  readonly Config?: {
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly Volumes?: Readonly<Record<string, object>> | null;
  } | null;
}

export interface NetworkSpec {
  readonly Name: string;
  readonly CheckDuplicate: true;
  readonly Driver: 'bridge';
  readonly EnableIPv6: false;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Options: Readonly<Record<string, string>>;
}

export interface NetworkInspection {
  readonly Id: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string; readonly Gateway?: string }[] | null };
}

export interface EngineEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> };
}

/** `key=value` or `key`, for example `{ label: ['hearth.sandbox'] }`. */
export type EngineFilters = Readonly<Record<string, readonly string[]>>;
