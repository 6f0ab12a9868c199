import type { Duplex } from 'node:stream';
import type { SandboxId } from '../../../shared/ids.ts';
import type { DriverName, PreparedImage } from './isolation-driver.ts';

/** Enough to find a sandbox again after a platform restart; stored as versioned JSON. */
export interface SandboxHandle {
  readonly schema: 1;
  readonly driver: DriverName;
  readonly id: SandboxId;
  readonly data: Readonly<Record<string, string | number>>;
}

/** How a sandbox ended. Exactly one of `code` and `signal` is set when the technology can tell. */
export interface ExitReport {
  readonly code: number | null;
  readonly signal: string | null;
  /** The kernel (or the runtime's own heap limit) ended it for lack of memory. */
  readonly outOfMemory: boolean;
  /** Why we destroyed it, or undefined when it ended by itself. */
  readonly reason: string | undefined;
}

/** One line of the sandbox's raw stdout or stderr, without its line end, cut at `limits.maxLogLineBytes`. */
export interface OutputLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  readonly atMs: number;
  /** The line was longer, or lines after it were dropped because the volume limit was reached. */
  readonly truncated: boolean;
}

/** What the sandbox as a whole has used since it began. Numbers that the technology cannot give are 0. */
export interface ResourceUsage {
  readonly cpuMs: number;
  readonly memoryBytes: number;
  readonly peakMemoryBytes: number;
  readonly pids: number;
  /** From drivers that can tell. */
  readonly io?: IoUsage;
}

/** Bytes since the sandbox began: through its network, loopback left out, and from and to block devices. */
export type IoUsage = Readonly<Record<IoField, number>>;
export const ioFields = ['networkReceivedBytes', 'networkSentBytes', 'diskReadBytes', 'diskWrittenBytes'] as const;
export type IoField = (typeof ioFields)[number];

/**
 * One isolated body made by a driver. It moves bytes and does not know what an invocation is. Callers get it only
 * through `guardSandbox`, which makes every method safe in every state.
 */
export interface Sandbox {
  readonly id: SandboxId;
  readonly handle: SandboxHandle;
  /** Resolves once, when every process of the sandbox is gone; never rejects. */
  readonly exited: Promise<ExitReport>;
  /** The byte stream to the agent inside. Called once. The stream ends or errors when the sandbox dies. */
  connect(signal: AbortSignal): Promise<Duplex>;
  /**
   * Makes a version's files visible, read-only, at `codeDirectory`, after start. Only on a sandbox created without an image,
   * and only once. Rejects with `unavailable` when the driver cannot (`capabilities.specialise`).
   */
  specialise(image: PreparedImage, signal: AbortSignal): Promise<void>;
  /** Raw stdout and stderr. Bounded: over the volume limit the driver slows the writer down and drops. Iterated once. */
  output(): AsyncIterable<OutputLine>;
  usage(): Promise<ResourceUsage>;
  /**
   * From drivers with a firewall of their own: `listener` is told the `address:port` to which packets were dropped, at most once per target every few
   * seconds, and until shortly before `exited` resolves. It must not throw; a later one takes its place.
   */
  onRefused?(listener: (target: string) => void): void;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends every process and frees every resource. Idempotent, safe in any state; `reason` is kept and appears in later errors. */
  destroy(reason: string): Promise<void>;
}
