import type { ControlPlane } from '../control-plane/control-plane.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { LogCounter, LogReader } from '../core/ports/log-sink.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { MetricsReader } from '../core/ports/metrics-reader.ts';
import type { MetricsSink } from '../core/ports/metrics-sink.ts';
import type { EventStreams } from './sse.ts';
import type { UploadLimits } from './uploads.ts';

/** Facts about this installation that only the composition root knows. Functions, because ports are bound after this is made. */
export interface SystemFacts {
  readonly version: string;
  readonly startedAt: number;
  readonly gatewayUrl: () => string;
  readonly controlUrl: () => string;
  /** What an operator should know, one sentence each. */
  readonly warnings: () => readonly string[];
  /** More members for `limits` of the system document. */
  readonly limits?: Readonly<Record<string, number | string>>;
  /** The platform is going down: not ready for new work. */
  readonly isDraining: () => boolean;
  /** Bytes free where data is written, for readiness. */
  readonly diskFreeBytes: () => Promise<number>;
  /** Below this the platform is not ready. */
  readonly minDiskFreeBytes: number;
}

/** What route handlers work with. */
export interface ApiContext {
  readonly controlPlane: ControlPlane;
  readonly logs: LogReader & LogCounter;
  readonly metrics: MetricsReader;
  /** Takes calls that are refused here. */
  readonly refusals: Pick<MetricsSink, 'record'>;
  readonly facts: SystemFacts;
  readonly streams: EventStreams;
  readonly uploads: UploadLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A synchronous response that is larger flows on before the call is over. */
  readonly maxHeldResponseBytes: number;
  readonly maxHeldResponseMs: number;
}
