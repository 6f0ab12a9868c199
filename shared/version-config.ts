import { z } from 'zod';
import { callerAuthSchema, rateLimitSchema } from './caller-auth.ts';
import { captureSchema, defaultCapture } from './capture.ts';
import { egressSchema, egressSecrets } from './egress.ts';
import { envName, reservedEnv, secretNameSchema } from './env-names.ts';
import { limits, MiB } from './limits.ts';
import { provisionedWindowsSchema } from './provisioned-windows.ts';
import { singleFlightSchema } from './single-flight.ts';

export const runtimeNames = ['nodejs', 'python', 'custom', 'image'] as const;
export type RuntimeName = (typeof runtimeNames)[number];
export const isolationLevels = ['process', 'docker', 'firecracker', 'qemu', 'nanos', 'unsandboxed', 'fake'] as const;
/** Which driver runs a version. `unsandboxed` exists only behind an explicit setting, `fake` only in tests. */
export type IsolationLevel = (typeof isolationLevels)[number];

const range = (r: { min: number; max: number }) => z.number().int().min(r.min).max(r.max);

const defaultRetry = { maxAttempts: 3, maxAgeMs: 21_600_000, minBackoffMs: 1000, maxBackoffMs: 300_000 } as const;

/** A field that is left out has its default, whatever the version before has: the object is chosen as a whole. */
const retrySchema = z
  .strictObject({
    maxAttempts: z
      .number()
      .int()
      .min(1)
      .max(20)
      .default(defaultRetry.maxAttempts)
      .describe('Attempts in total, the first included.'),
    maxAgeMs: z
      .number()
      .int()
      .min(1000)
      .max(604_800_000)
      .default(defaultRetry.maxAgeMs)
      .describe('No new attempt after this age.'),
    minBackoffMs: z
      .number()
      .int()
      .min(10)
      .max(3_600_000)
      .default(defaultRetry.minBackoffMs)
      .describe('Wait before the second attempt; doubles each time, with jitter.'),
    maxBackoffMs: z.number().int().min(10).max(3_600_000).default(defaultRetry.maxBackoffMs),
  })
  .describe('Retries of asynchronous and scheduled invocations. Synchronous calls are never retried.');

const batchSchema = z
  .strictObject({
    maxSize: z.number().int().min(1).max(1000).describe('Most calls in one batch.'),
    windowMs: z
      .number()
      .int()
      .min(0)
      .max(60_000)
      .default(0)
      .describe('Longest wait for more calls; none while the function is idle. 0: only those that wait anyway.'),
    maxBytes: z
      .number()
      .int()
      .min(1)
      .max(limits.maxBatchBytes)
      .default(limits.maxBatchBytes)
      .describe('Most bytes of request bodies in one batch; a call that is larger travels alone.'),
  })
  .describe('Calls that wait anyway travel and run together.');

/** RFC 9110, 5.6.2: methods and header names. What is let in here goes into headers of the gateway. */
const httpToken = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'not a method or header name of HTTP');

const corsSchema = z
  .strictObject({
    origins: z
      .array(z.string().regex(/^[\x21-\x7e]{1,255}$/, 'an origin such as https://example.com, or "*"'))
      .min(1)
      .max(50)
      .describe('Allowed origins, or "*".'),
    methods: z.array(httpToken).max(20).optional(),
    headers: z.array(httpToken).max(100).optional(),
    maxAgeSeconds: z.number().int().min(0).max(86_400).optional(),
    credentials: z.boolean().optional(),
  })
  .describe('The gateway answers preflights itself and adds the headers to responses.');

/** Every site could act as whoever is signed in: the Fetch standard forbids it, and naming each origin in turn is the same. */
export const isOpenToEverySite = (cors: z.infer<typeof corsSchema>): boolean =>
  cors.credentials === true && cors.origins.includes('*');
export const openToEverySite = 'not "*" together with credentials: name the sites that may send them';

const secretsSchema = z
  .array(secretNameSchema)
  .max(limits.maxSecretsPerVersion)
  .refine((names) => new Set(names).size === names.length, 'name each secret once')
  .describe('Names of secrets of the project whose values are put into the environment.');
const envSchema = z
  .record(
    z.string().regex(envName, 'letters, digits and _ only, not starting with a digit'),
    // An environment ends a value at NUL: one runtime would cut it off silently, the other would not start.
    z
      .string()
      .max(32_768)
      .refine((value) => !value.includes('\0'), 'must not have a NUL character'),
    {
      error: (issue) =>
        issue.code === 'invalid_key'
          ? 'a name has letters, digits and _ only, and does not start with a digit'
          : undefined,
    },
  )
  .refine(
    (env) => Object.keys(env).every((key) => !reservedEnv.test(key)),
    'HEARTH_*, AWS_LAMBDA_*, LD_*, PATH, NODE_OPTIONS and PYTHONPATH are set by the platform; choose another name',
  )
  .refine((env) => JSON.stringify(env).length <= 65_536, 'at most 64 KiB in total');

/** Names of images as the distribution specification has them: host, path, and a tag or a digest. */
const imageReference = z
  .string()
  .max(512)
  .regex(
    /^(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/,
    'the name of an image, for example registry.example.com/team/app:1.2 or app@sha256:…',
  );

const imageInputSchema = z
  .strictObject({
    reference: imageReference.describe('Local, or of a registry.'),
    protocol: z
      .enum(['http', 'lambda', 'agent'])
      .default('http')
      .describe(
        'http: its process listens on PORT. lambda: its entry point speaks the Lambda Runtime API. agent: docs/protocol.md.',
      ),
    port: z.number().int().min(1024).max(65_535).default(8080).describe('PORT, with `http`.'),
    readinessPath: z
      .string()
      .regex(/^\/[\x21-\x7e]{0,511}$/, 'a path such as /healthz')
      .nullable()
      .default(null)
      .describe('With `http`: ready when a GET is answered with 200 to 399. Null: when the port takes connections.'),
    pull: z
      .enum(['missing', 'always'])
      .default('missing')
      .describe('At a deploy: pull only what the daemon does not have, or ask the registry in any case.'),
    pullSecret: z
      .string()
      .min(1)
      .max(128)
      .nullable()
      .default(null)
      .describe('The name of the secret with `user:password` for the registry.'),
  })
  .describe('A container image instead of a bundle; needs isolation `docker`.');
const containerImageSchema = imageInputSchema.extend({
  pinned: z
    .string()
    .nullable()
    .default(null)
    .describe('The reference with the digest that the registry had at the deploy; null for a local image.'),
});
export type ContainerImageConfig = z.infer<typeof containerImageSchema>;

/** The configuration of a version, every field with its default: what a stored version holds. */
export const versionConfigSchema = z.strictObject({
  runtime: z
    .enum(runtimeNames)
    .describe('Language adapter; `custom` runs an executable `bootstrap`, `image` a container image.'),
  handler: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[\w./-]+$/, 'file.export, for example index.handler')
    .describe('Entry point, `file.export`; with `custom` what `bootstrap` finds in `_HANDLER`.'),
  isolation: z.enum(isolationLevels),
  timeoutMs: range(limits.timeoutMs),
  memoryMb: range(limits.memoryMb),
  cpus: z.number().min(limits.cpus.min).max(limits.cpus.max),
  maxPids: range(limits.maxPids),
  tmpMb: range(limits.tmpMb),
  env: envSchema,
  secrets: secretsSchema,
  concurrency: range(limits.concurrency).describe('Invocations in flight in one instance.'),
  minInstances: z.number().int().min(0).max(100).describe('Kept warm for the `live` alias.'),
  provisionedWindows: provisionedWindowsSchema,
  maxInstances: range(limits.maxInstances),
  maxConcurrency: range(limits.maxConcurrency)
    .nullable()
    .describe('Most invocations of the function in flight. Null: as many as `maxInstances` take.'),
  reservedConcurrency: range(limits.reservedConcurrency).describe(
    "Of the host's places for invocations, how many only this function takes, as long as the version is behind `live`.",
  ),
  weight: range(limits.weight).describe("Share of the host when functions compete, against the others' weights."),
  idleTimeoutMs: range(limits.idleTimeoutMs)
    .nullable()
    .describe('How long an idle instance is kept. Null: decided by the platform from when the function is called.'),
  initTimeoutMs: z.number().int().min(100).max(120_000),
  batch: batchSchema,
  singleFlight: singleFlightSchema,
  snapshots: z
    .boolean()
    .describe(
      'In microVMs (`qemu`), starts may be copies of the first good start, with everything that the function drew, opened or read while it was loaded. False: each start loads the version anew.',
    ),
  retry: retrySchema,
  capture: captureSchema,
  egress: egressSchema,
  maxRequestBytes: z
    .number()
    .int()
    .min(0)
    .max(256 * MiB),
  maxResponseBytes: z
    .number()
    .int()
    .min(0)
    .max(1024 * MiB),
  cors: corsSchema.nullable(),
  auth: callerAuthSchema.nullable(),
  rateLimits: z.array(rateLimitSchema).max(5).describe('How often the function may be called through the gateway.'),
  image: containerImageSchema.nullable(),
  inputSchema: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe(
      'JSON Schema of the event, of the part that docs/test-events.md names: forms are made of it, calls are not checked. Null: none.',
    ),
});
export type VersionConfig = z.infer<typeof versionConfigSchema>;

/** All secrets that a version needs: those of its environment, and those that the proxy adds to its requests. Each once. */
export function secretsOf({ secrets, egress }: Pick<VersionConfig, 'secrets' | 'egress'>): readonly string[] {
  return [...new Set([...secrets, ...egressSecrets(egress)])];
}

/** What a caller may say of a version: everything has a default. */
export const versionConfigInputSchema = versionConfigSchema.partial().extend({
  image: imageInputSchema.extend({ pinned: z.string().nullish().describe('Ignored: set by the platform.') }).nullish(),
});
export type VersionConfigInput = z.input<typeof versionConfigInputSchema>;

const defaultHandlers: Readonly<Record<RuntimeName, string>> = {
  nodejs: 'index.handler',
  python: 'main.handler',
  custom: 'bootstrap',
  image: 'image',
};

/** Design section 10. `handler` and `isolation` depend on runtime and operator, so they are arguments. */
export function defaultVersionConfig(runtime: VersionConfig['runtime'], isolation: IsolationLevel): VersionConfig {
  return {
    runtime,
    handler: defaultHandlers[runtime],
    isolation,
    timeoutMs: limits.timeoutMs.default,
    memoryMb: limits.memoryMb.default,
    cpus: limits.cpus.default,
    maxPids: limits.maxPids.default,
    tmpMb: limits.tmpMb.default,
    env: {},
    secrets: [],
    concurrency: limits.concurrency.default,
    minInstances: 0,
    provisionedWindows: [],
    maxInstances: limits.maxInstances.default,
    maxConcurrency: null,
    reservedConcurrency: limits.reservedConcurrency.default,
    weight: limits.weight.default,
    idleTimeoutMs: null,
    initTimeoutMs: limits.initTimeoutMs,
    batch: { maxSize: 1, windowMs: 0, maxBytes: limits.maxBatchBytes },
    singleFlight: false,
    snapshots: true,
    retry: defaultRetry,
    capture: defaultCapture,
    egress: 'none',
    maxRequestBytes: limits.maxRequestBytes,
    maxResponseBytes: limits.maxStreamBytes,
    cors: null,
    auth: null,
    rateLimits: [],
    image: null,
    inputSchema: null,
  };
}
