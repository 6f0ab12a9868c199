/** Numbers that both sides of the wire need. Defaults of design section 10; the operator may lower or raise some (docs/configuration.md). */
export const KiB = 1024;
export const MiB = 1024 * KiB;

export const limits = {
  maxRequestBytes: 6 * MiB,
  maxResponseBytes: 6 * MiB,
  maxStreamBytes: 20 * MiB,
  maxAsyncPayloadBytes: 1 * MiB,
  maxBundleBytes: 250 * MiB,
  maxBundleFiles: 10_000,
  maxLogLineBytes: 16 * KiB,
  maxLogBytesPerInvocation: 1 * MiB,
  maxSecretChars: 32_768,
  maxSecretsPerVersion: 32,
  /** Set by one request. */
  maxSecretsAtOnce: 100,
  maxSecretCharsAtOnce: 524_288,
  initTimeoutMs: 10_000,
  timeoutMs: { min: 1, default: 30_000, max: 900_000 },
  memoryMb: { min: 32, default: 128, max: 10_240 },
  cpus: { min: 0.05, default: 1, max: 64 },
  maxPids: { min: 16, default: 64, max: 4096 },
  tmpMb: { min: 1, default: 64, max: 10_240 },
  concurrency: { min: 1, default: 1, max: 1000 },
  maxInstances: { min: 1, default: 20, max: 1000 },
  maxConcurrency: { min: 1, max: 100_000 },
  reservedConcurrency: { min: 0, default: 0, max: 100_000 },
  weight: { min: 1, default: 10, max: 1000 },
  /** Of one batch: its bodies travel in one frame, which holds a megabyte beside its meta. */
  maxBatchBytes: 1 * MiB,
  idleTimeoutMs: { min: 1000, default: 600_000, max: 86_400_000 },
  /** After the deadline, how long a handler may take to notice its AbortSignal before its instance is destroyed. */
  cancelGraceMs: 500,
  /** Drafts of one function; a newer one takes the place of that which was not called for longest. */
  maxDraftsPerFunction: 5,
  /** Builds that are kept of one function, or of a name without one; older ones go. */
  maxBuildsPerFunction: 50,
  /** Builds that nobody waits for, at a time. */
  maxUnattendedBuilds: 32,
  /** A function calling a function: how deep a chain may go. */
  maxCallDepth: 16,
} as const;
