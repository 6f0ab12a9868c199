import type { RuntimeName } from '../../../shared/version-config.ts';
import type { PreparedImage, SandboxLimits } from './isolation-driver.ts';

/** A read-only mount: a host path and where it appears inside. */
export interface PlanMount {
  readonly hostPath: string;
  readonly guestPath: string;
}

/** What a driver must start so that this runtime's agent runs. Paths are paths inside the sandbox unless named otherwise. */
export interface RuntimePlan {
  readonly runtime: RuntimeName;
  readonly argv: readonly string[];
  /** The driver adds HEARTH_CHANNEL (`fd:3`, `unix:/path`, `tcp:host:port`, `serial:/dev/…`). */
  readonly env: Readonly<Record<string, string>>;
  /** The agent: one file without dependencies. */
  readonly agent: PlanMount;
  /** Interpreter and standard library of this host, for drivers that lend the host's own; shared libraries are the driver's matter. */
  readonly toolchain: readonly PlanMount[];
  /** The agent imports modules of the runtime before it says HELLO. */
  readonly preloadsModules?: boolean;
}

export type RuntimeHealth =
  | { readonly status: 'available'; readonly version: string }
  | { readonly status: 'missing'; readonly reason: string; readonly fix: string };

export interface BundleIssue {
  readonly path: string;
  readonly message: string;
}

/** Knows one language: what to start, and whether a bundle can have this handler. */
export interface RuntimeAdapter {
  readonly name: RuntimeName;
  probe(): Promise<RuntimeHealth>;
  /** Looks at the built bundle without running it; an empty list means that nothing is wrong. */
  validate(bundle: PreparedImage, handler: string): Promise<readonly BundleIssue[]>;
  /** `isWaiting`: for a sandbox that gets its version later and may use the time until then. */
  plan(limits: SandboxLimits, isWaiting?: boolean): RuntimePlan;
}
