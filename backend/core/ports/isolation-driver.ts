import type { LimitName } from '../../../shared/api/system.ts';
import type { BundleDigest, SandboxId } from '../../../shared/ids.ts';
import type { IsolationLevel, RuntimeName } from '../../../shared/version-config.ts';
import type { RuntimePlan } from './runtime-adapter.ts';
import type { Sandbox, SandboxHandle } from './sandbox.ts';

export type DriverName = IsolationLevel;

/** What the technology can do at best, on any host. What it does on this host is in `DriverHealth`. */
export interface DriverCapabilities {
  readonly isolation: 'none' | 'process' | 'container' | 'microvm' | 'unikernel';
  readonly channel: 'fd' | 'unix' | 'tcp' | 'serial' | 'vsock';
  /** Limits that the technology can truly enforce. */
  readonly enforces: ReadonlySet<LimitName>;
  readonly egress: ReadonlySet<'none' | 'all'>;
  /** Sandboxes can be started before it is known which version they will run. */
  readonly specialise: boolean;
  readonly pause: boolean;
  readonly survivesRestart: boolean;
  /** Of a driver that takes snapshots (snapshot-driver.ts): also of sandboxes without a version. */
  readonly copiesRuntimes?: boolean;
  /** Runtimes that the technology can never run, and why, for whoever deploys: ends a sentence that begins with the runtime. */
  readonly cannotRun?: ReadonlyMap<RuntimeName, string>;
}

/** What a probe found on this host. `enforces` is what was tried out and works; a version that needs more is refused. */
export type DriverHealth =
  | {
      readonly status: 'healthy';
      readonly version: string;
      /** How strong the isolation is here, for example `strict`. */
      readonly tier: string;
      readonly enforces: ReadonlySet<LimitName>;
      /** What of `capabilities.egress` this host can give; all of it when left out. */
      readonly egress?: ReadonlySet<'none' | 'all'>;
      readonly notes: readonly string[];
    }
  | { readonly status: 'unhealthy' | 'undetected'; readonly reason: string; readonly fix: string };

/** A version's files on the host, ready for this driver. */
export interface PreparedImage {
  readonly digest: BundleDigest;
  /** Host directory with the bundle's files. */
  readonly directory: string;
  readonly sizeBytes: number;
  readonly fileCount: number;
  /** A container image of the user's in place of files: `digest` is the image's, and `directory` is empty. */
  readonly container?: ContainerImage;
}

/** How the program of a user's image is started and spoken to. */
export interface ContainerImage {
  readonly protocol: 'http' | 'lambda' | 'agent';
  readonly port: number;
  readonly readinessPath: string | undefined;
  /** The program is started at once, so it gets its environment before INIT. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a sandbox may use. Every field is enforced, or `create` rejects. */
export interface SandboxLimits {
  readonly memoryMb: number;
  readonly cpus: number;
  readonly maxPids: number;
  readonly tmpMb: number;
  readonly egress: 'none' | 'all';
}

export interface SandboxSpec {
  readonly id: SandboxId;
  readonly plan: RuntimePlan;
  readonly limits: SandboxLimits;
  /** Undefined makes a generic sandbox that is specialised later. */
  readonly image: PreparedImage | undefined;
}

export interface SweepReport {
  /** What was found and removed, one short phrase each, for example `process 4711 of sandbox sbx_…`. */
  readonly removed: readonly string[];
  readonly failed: readonly string[];
}

/** Where a version's files are inside every sandbox. */
export const codeDirectory = '/app';

/** Makes and finds sandboxes; knows one technology; holds no policy. */
export interface IsolationDriver {
  readonly name: DriverName;
  readonly capabilities: DriverCapabilities;
  /** It works through a daemon that may come and go: probed again and again, so a probe after a first healthy one must be cheap. */
  readonly isServedByDaemon?: boolean;
  /** Tries out, for real, what this host can do. Never rejects; called at start and on demand. */
  probe(signal: AbortSignal): Promise<DriverHealth>;
  /** Brings a bundle into the form this driver starts from. Idempotent per digest. */
  prepare(image: PreparedImage, signal: AbortSignal): Promise<PreparedImage>;
  /** Rejects with nothing left behind. Resolves when the body runs; HELLO on the channel says that the agent does. */
  create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox>;
  /** Takes over a sandbox that survived a platform restart, or undefined when it is gone or cannot be. */
  recover(handle: SandboxHandle, signal: AbortSignal): Promise<Sandbox | undefined>;
  /** Removes everything that this driver once made and that is not in `known`; nothing else, ever. */
  sweep(known: ReadonlySet<SandboxId>): Promise<SweepReport>;
  /** Destroys what is left and frees what the driver holds. Idempotent. */
  close(): Promise<void>;
}
