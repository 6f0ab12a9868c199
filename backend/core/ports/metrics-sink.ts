import type { EgressRefusalReason } from '../../../shared/egress.ts';
import type { ErrorKind } from '../../../shared/errors.ts';
import type { TriggerKind } from '../../../shared/invocation.ts';
import type { Invocation, InvocationReport } from '../invocation.ts';
import type { VersionSpec } from '../version.ts';
import type { InstanceState } from './instance-pool.ts';
import type { IoUsage } from './sandbox.ts';

/** Facts, not counters: one event feeds charts, roll-ups, the live stream and Prometheus. */
export type MetricEvent =
  | {
      readonly kind: 'invocation';
      readonly at: number;
      readonly version: VersionSpec;
      readonly trigger: TriggerKind;
      readonly report: InvocationReport;
      /** The attempt that it was. Its body must not be kept. */
      readonly invocation: Invocation;
    }
  | {
      readonly kind: 'throttle';
      readonly at: number;
      readonly functionName: string;
      readonly limit: 'function' | 'host' | 'queue' | 'rate';
    }
  | {
      /** A call was refused before it ran, for another reason than a limit: who called, what was sent, or a function that cannot run now. */
      readonly kind: 'refusal';
      readonly at: number;
      readonly functionName: string;
      readonly reason: Exclude<ErrorKind, 'throttled'>;
    }
  | {
      readonly kind: 'instance';
      readonly at: number;
      readonly functionName: string;
      readonly isolation: string;
      readonly runtime: string;
      readonly from: InstanceState | 'none';
      readonly to: InstanceState;
      readonly reason: string;
    }
  | {
      /** What an instance moved since it was last asked; from drivers that can tell. */
      readonly kind: 'instance-io';
      readonly at: number;
      readonly version: VersionSpec;
      readonly io: IoUsage;
    }
  | {
      /** What an instance held when it was looked at; from drivers that can tell. */
      readonly kind: 'instance-memory';
      readonly at: number;
      readonly version: VersionSpec;
      readonly bytes: number;
    }
  | {
      /** Calls of a function with batches went to an instance together, or one went alone. */
      readonly kind: 'batch';
      readonly at: number;
      readonly version: VersionSpec;
      readonly size: number;
      /** How long the first of them waited for company and a slot. */
      readonly waitMs: number;
    }
  | {
      /** A call was answered with the response of another one that was the same and ran already. */
      readonly kind: 'shared-call';
      readonly at: number;
      readonly version: VersionSpec;
    }
  | {
      /** A function tried to reach what it may not. */
      readonly kind: 'egress-refused';
      readonly at: number;
      readonly version: VersionSpec;
      /** `host:port` as it was asked for. */
      readonly host: string;
      readonly reason: EgressRefusalReason;
    }
  /** `late-result`: an attempt ended after its lease was lost, and its result was dropped. */
  | { readonly kind: 'retry' | 'dead-letter' | 'late-result'; readonly at: number; readonly functionName: string }
  | { readonly kind: 'build'; readonly at: number; readonly tookMs: number; readonly outcome: BuildOutcome };

/** How the building of a bundle ended, its waiting for a turn left out. */
export type BuildOutcome = 'success' | 'failure' | 'cancelled';

/** Synchronous, never throws, bounded memory. */
export interface MetricsSink {
  record(event: MetricEvent): void;
  /** Writes what is buffered to the store. */
  flush(): Promise<void>;
}
