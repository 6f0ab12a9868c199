import { z } from 'zod';

/** Where an invocation came from. */
export const triggerKinds = ['http', 'api', 'async', 'schedule', 'replay'] as const;
export type TriggerKind = (typeof triggerKinds)[number];

/**
 * The layer that the instance of a call came from, best first.
 *
 * | start         | the call found                                                                                 |
 * | ------------- | ---------------------------------------------------------------------------------------------- |
 * | `warm`        | an instance that had been started for an earlier call, or ahead of a foretold one              |
 * | `provisioned` | one that `minInstances` or a window had started, and was its first call; later ones are `warm` |
 * | `preloaded`   | a waiting sandbox that had imported the usual modules of its runtime ahead                     |
 * | `pre-warmed`  | a waiting sandbox with a runtime that had imported nothing ahead                               |
 * | `restored`    | a snapshot that was restored for it                                                            |
 * | `cold`        | nothing: a sandbox was booted for it                                                           |
 * | `none`        | it reached no instance                                                                         |
 *
 * From `preloaded` to `cold` the caller waited for the start; those count as cold starts in the metrics.
 */
export const startKinds = ['warm', 'provisioned', 'preloaded', 'pre-warmed', 'restored', 'cold', 'none'] as const;
export type StartKind = (typeof startKinds)[number];

/** The starts that are counted one by one; the rest is warm or reached no instance. */
export const startLayers = ['provisioned', 'preloaded', 'pre-warmed', 'restored', 'cold'] as const;
export type StartLayer = (typeof startLayers)[number];

export function isStartLayer(start: StartKind): start is StartLayer {
  return start !== 'warm' && start !== 'none';
}

/** The caller waited for an instance to start. */
export function isColdStart(start: StartKind): boolean {
  return isStartLayer(start) && start !== 'provisioned';
}

export const functionFaults = [
  'timeout',
  'out-of-memory',
  'exited',
  'init-failed',
  'init-timeout',
  'response-too-large',
  'bad-response',
] as const;
export type FunctionFault = (typeof functionFaults)[number];
export const platformFaults = ['sandbox-lost', 'capacity', 'driver', 'shutting-down', 'protocol'] as const;
export type PlatformFault = (typeof platformFaults)[number];

/**
 * What became of one attempt. What user code does is data, never an exception of ours.
 * `success` says nothing about the HTTP status that the function chose; its body went to the response sink.
 */
export type InvocationOutcome =
  | { readonly kind: 'success' }
  | { readonly kind: 'function-error'; readonly type: string; readonly message: string; readonly stack: string }
  | { readonly kind: 'function-fault'; readonly fault: FunctionFault; readonly message: string }
  | {
      readonly kind: 'platform-fault';
      readonly fault: PlatformFault;
      readonly message: string;
      readonly retryable: boolean;
    }
  | { readonly kind: 'cancelled'; readonly message: string };

/** The state of an invocation document. */
export const invocationStatuses = [
  'queued',
  'running',
  'success',
  'function-error',
  'function-fault',
  'platform-fault',
  'dead-letter',
  'cancelled',
] as const;
export const invocationStatusSchema = z.enum(invocationStatuses);
export type InvocationStatus = z.infer<typeof invocationStatusSchema>;

/** Where the time of one attempt went, in milliseconds. Phases that did not happen are 0. */
export const timingSchema = z.object({
  /** Waiting for admission, and before that in the durable queue since it was due there. */
  queuedMs: z.number(),
  /** From asking the pool to holding a lease; contains bootMs, loadMs and initMs. */
  acquireMs: z.number(),
  /** Starting a sandbox until its agent said HELLO (0 when one was there). */
  bootMs: z.number(),
  /** Making the bundle visible inside the sandbox. */
  loadMs: z.number(),
  /** Importing user code and running its `init`. */
  initMs: z.number(),
  /** From the INVOKE frame to the first byte of the response. */
  firstByteMs: z.number(),
  /** From the INVOKE frame to the end of the response. */
  handlerMs: z.number(),
  /** From there to whoever waits for the call. */
  flushMs: z.number(),
  /** Everything, as the caller saw it; of an asynchronous attempt, since it was due. */
  totalMs: z.number(),
});
export type Timing = z.infer<typeof timingSchema>;

/** What one attempt used. CPU and memory are reported by the agent from inside; the pool samples the sandbox itself for billing. */
export const usageSchema = z.object({
  cpuMs: z.number(),
  peakMemoryBytes: z.number(),
  requestBytes: z.number(),
  responseBytes: z.number(),
});
export type Usage = z.infer<typeof usageSchema>;

/** The error of a failed attempt, as shown to authorised callers. */
export const invocationErrorSchema = z.object({ type: z.string(), message: z.string(), stack: z.string().optional() });
export type InvocationError = z.infer<typeof invocationErrorSchema>;

/** The document status that an attempt's outcome leads to when it is the last attempt. */
export function statusOfOutcome(outcome: InvocationOutcome): InvocationStatus {
  return outcome.kind;
}

/** The error document of an outcome, or undefined for success. */
export function errorOfOutcome(outcome: InvocationOutcome): InvocationError | undefined {
  switch (outcome.kind) {
    case 'success':
      return undefined;
    case 'function-error':
      return { type: outcome.type, message: outcome.message, stack: outcome.stack };
    case 'function-fault':
    case 'platform-fault':
      return { type: outcome.fault, message: outcome.message };
    case 'cancelled':
      return { type: 'cancelled', message: outcome.message };
  }
}
