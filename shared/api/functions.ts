import { z } from 'zod';
import { invocationStatusSchema } from '../invocation.ts';
import { limits } from '../limits.ts';
import { isolationLevels, versionConfigInputSchema, versionConfigSchema } from '../version-config.ts';
import { nameSchema, pageOf, timeSchema } from './paging.ts';

const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const routeInputSchema = z.strictObject({
  path: z
    .string()
    .max(512)
    .regex(
      /^\/(?:[A-Za-z0-9._~!$&'()+,;=@:%-]+|\*)?(?:\/(?:[A-Za-z0-9._~!$&'()+,;=@:%-]+|\*))*\/?$/,
      'a path such as /resize/:id or /files/*',
    )
    .describe('`:name` matches one segment, a last `*` the rest.'),
  methods: z.array(z.enum(httpMethods)).min(1).optional().describe('All methods when left out.'),
  alias: nameSchema.optional().describe('Which alias answers; `live` when left out.'),
});
export type RouteInput = z.infer<typeof routeInputSchema>;
export const routeSchema = z.object({
  id: z.string(),
  functionName: z.string(),
  path: z.string(),
  methods: z.array(z.string()),
  alias: z.string(),
});
export type Route = z.infer<typeof routeSchema>;

const scheduleInputSchema = z.strictObject({
  name: nameSchema,
  cron: z.string().min(6).max(120).describe('Five or six fields, or @daily and the like.'),
  timeZone: z.string().max(64).default('UTC').describe('IANA name.'),
  payload: z.unknown().optional().describe('What the function is given; null when left out.'),
  payloadText: z
    .string()
    .max(limits.maxAsyncPayloadBytes)
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
    .optional()
    .describe(
      'Instead of `payload`: JSON that is kept and given to the function as it is written, layout and numbers that programs cannot hold included.',
    ),
  alias: nameSchema.default('live'),
  misfire: z
    .enum(['skip', 'run-once'])
    .default('run-once')
    .describe('What to do about ticks missed while the platform was down.'),
  enabled: z.boolean().default(true),
});
export type ScheduleInput = z.input<typeof scheduleInputSchema>;
export const scheduleSchema = z.object({
  id: z.string(),
  functionName: z.string(),
  name: z.string(),
  cron: z.string(),
  timeZone: z.string(),
  payload: z.unknown(),
  payloadText: z.string().describe('The same to the letter.'),
  alias: z.string(),
  misfire: z.enum(['skip', 'run-once']),
  enabled: z.boolean(),
  lastTickAt: timeSchema.nullable(),
  nextTicks: z.array(timeSchema).describe('The next five; none while the schedule is paused or its function disabled.'),
  wouldRunAt: timeSchema.nullable().describe('Of a paused schedule: when it would run next. Else null.'),
});
export type Schedule = z.infer<typeof scheduleSchema>;
export const schedulePageSchema = pageOf(scheduleSchema);
export const updateScheduleSchema = z.strictObject({
  enabled: z
    .boolean()
    .describe('False pauses it: its ticks are neither run nor made up for. True resumes it with its next tick.'),
});

const scheduleRunSchema = z.object({
  at: timeSchema.describe('Of the tick, or of the request that asked for it.'),
  kind: z.enum(['tick', 'skipped', 'manual']).describe('skipped: missed under `skip`, or the function could not run.'),
  invocationId: z.string().nullable().describe('Null when it was skipped.'),
  status: invocationStatusSchema.nullable().describe('Of the invocation; null when it is not kept any more.'),
});
export type ScheduleRun = z.infer<typeof scheduleRunSchema>;
export const scheduleRunsSchema = z.object({ items: z.array(scheduleRunSchema).describe('The newest first.') });
export const scheduleRunsQuerySchema = z.object({ limit: z.coerce.number().int().min(1).max(20).default(10) });

/** Who may call a route through the gateway; `mixed`: the versions of its alias differ. */
const routeAccess = ['public', 'token', 'signature', 'jwt', 'mixed'] as const;
const listedRouteSchema = routeSchema.extend({
  access: z.enum(routeAccess).nullable().describe('Null: its alias has no version.'),
  isDefault: z.boolean().describe('The address of a function without routes of its own.'),
});
export type ListedRoute = z.infer<typeof listedRouteSchema>;
export const routePageSchema = pageOf(listedRouteSchema);

/** Inline source files: path inside the bundle -> text, or base64 for binary. */
const filesSchema = z
  .record(z.string().min(1).max(512), z.union([z.string(), z.strictObject({ base64: z.base64() })]))
  .describe('Path inside the bundle -> content.');
export type InlineFiles = z.infer<typeof filesSchema>;

export const createVersionSchema = versionConfigInputSchema.extend({
  files: filesSchema.optional().describe('The code, inline. In a multipart request the part `bundle` takes its place.'),
  message: z.string().max(1000).optional().describe('Why this version exists.'),
  routes: z.array(routeInputSchema).max(100).optional().describe("Replaces the function's routes when given."),
  schedules: z.array(scheduleInputSchema).max(100).optional().describe("Replaces the function's schedules when given."),
  promote: z.boolean().optional().describe('Move the alias `live` to the new version; true when left out.'),
});
export type CreateVersion = z.input<typeof createVersionSchema>;

export const previewVersionSchema = createVersionSchema.omit({ files: true, message: true });
export const versionPreviewSchema = z.object({
  fields: z
    .array(z.object({ key: z.string(), before: z.string(), after: z.string() }))
    .describe(
      'Settings, routes and schedules that would be others, by their dotted names, as JSON. Values of variables are fingerprints.',
    ),
  warnings: z.array(z.string()),
});

export const createDraftSchema = versionConfigInputSchema.extend({
  files: filesSchema.optional().describe('The code, inline. In a multipart request the part `bundle` takes its place.'),
});
export type CreateDraft = z.input<typeof createDraftSchema>;

export const createFunctionSchema = createVersionSchema.extend({
  name: nameSchema,
  description: z.string().max(2000).optional(),
  tags: z.array(z.string().min(1).max(64)).max(20).optional(),
});
export type CreateFunction = z.input<typeof createFunctionSchema>;

export const updateFunctionSchema = z.strictObject({
  description: z.string().max(2000).optional(),
  tags: z.array(z.string().min(1).max(64)).max(20).optional(),
  routes: z.array(routeInputSchema).max(100).optional(),
  schedules: z.array(scheduleInputSchema).max(100).optional(),
  enabled: z
    .boolean()
    .optional()
    .describe(
      'A disabled function answers 503 to every call, skips the ticks of its schedules, and lets what is queued wait.',
    ),
});
export type UpdateFunction = z.infer<typeof updateFunctionSchema>;

export const canaryGuardSchema = z
  .strictObject({
    stable: z.number().int().min(1).describe('The version of the alias that then has all the traffic.'),
    maxErrorRateRise: z
      .number()
      .min(0)
      .max(1)
      .default(0.05)
      .describe('How far the share of failing calls may lie above that of the stable version.'),
    maxP95Ratio: z
      .number()
      .min(1)
      .max(1000)
      .optional()
      .describe(
        'How many times that of the stable version the p95 of the time in the handler may be, above 5 ms more than it. Not compared when left out, nor with fewer than `minInvocations` calls of either.',
      ),
    minInvocations: z.number().int().min(1).max(1_000_000).default(20).describe('Fewer calls decide nothing.'),
    windowMs: z.number().int().min(10_000).max(86_400_000).default(300_000).describe('Which calls count.'),
  })
  .describe(
    'Takes the traffic back from another version of the alias that fails more than the stable one or, where that is asked for, is slower.',
  );

export const aliasSchema = z.object({
  name: z.string(),
  versions: z.array(z.object({ version: z.number().int(), weight: z.number() })),
  updatedAt: timeSchema,
  canary: canaryGuardSchema.nullable(),
  aborted: z
    .object({ at: timeSchema, reason: z.string() })
    .nullable()
    .describe('Why the platform took a canary back; null after the next move.'),
  message: z.string().describe('Why it was moved last; empty when nobody said.'),
});
export type Alias = z.infer<typeof aliasSchema>;
const canaryAbortSchema = z.object({
  functionName: z.string(),
  alias: z.string(),
  version: z.number().int().describe('What failed.'),
  stable: z.number().int().describe('What has the traffic since.'),
  reason: z.string(),
  at: timeSchema,
});
export type CanaryAbort = z.infer<typeof canaryAbortSchema>;
export const canaryAbortsSchema = z.object({ items: z.array(canaryAbortSchema) });
export const canaryAbortsQuerySchema = z.object({
  function: z.string().max(63).optional(),
  from: timeSchema.optional().describe('Included.'),
  to: timeSchema.optional().describe('Not included.'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const aliasPageSchema = pageOf(aliasSchema);
export const putAliasSchema = z.strictObject({
  versions: z
    .array(
      z.strictObject({ version: z.number().int().min(1), weight: z.number().positive().max(1_000_000).default(1) }),
    )
    .min(1)
    .max(10)
    .describe('Weights are shares of their sum.'),
  canary: canaryGuardSchema.optional(),
  message: z
    .string()
    .max(1000)
    .optional()
    .describe('Why it is moved; kept with the alias until the next move, and in the audit trail.'),
});
export type PutAlias = z.input<typeof putAliasSchema>;

export const functionStatsSchema = z.object({
  windowMs: z.number(),
  invocations: z.number(),
  errors: z.number(),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  coldStarts: z.number(),
  peakMemoryBytes: z.number().describe('The most that an instance took; 0 where nothing ran.'),
  sparkline: z.array(z.number()).describe('Invocations per step over the window.'),
});
export type FunctionStats = z.infer<typeof functionStatsSchema>;

export const functionSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
  enabled: z.boolean(),
  runtime: z.string().describe('Of the latest version.'),
  isolation: z.enum(isolationLevels).describe('Of the latest version.'),
  latestVersion: z.number().int(),
  liveVersion: z.number().int().nullable().describe('The version with the most weight in `live`.'),
  memoryMb: z.number().int().describe('Limit of an instance: of the live version, of the latest when nothing is live.'),
  lastDeployment: z
    .object({ version: z.number().int(), at: timeSchema, by: z.string() })
    .describe('When the latest version was made, and who did.'),
  url: z.string().describe('Where the gateway answers.'),
  routes: z.array(routeSchema),
  createdAt: timeSchema,
  updatedAt: timeSchema,
  stats: functionStatsSchema.optional().describe('Of the last hour; in lists and single documents when `?stats=1`.'),
});
export type FunctionDocument = z.infer<typeof functionSchema>;
export const functionPageSchema = pageOf(functionSchema);

export const versionSchema = z.object({
  id: z.string(),
  functionName: z.string(),
  version: z.number().int(),
  config: versionConfigSchema,
  digest: z.string(),
  sizeBytes: z.number().int(),
  fileCount: z.number().int(),
  message: z.string(),
  createdAt: timeSchema,
  createdBy: z.string(),
  aliases: z.array(z.string()).describe('Aliases that send traffic here.'),
});
export type VersionDocument = z.infer<typeof versionSchema>;
export const versionPageSchema = pageOf(versionSchema);

/** What is tried before it is deployed; it has no number, no alias and no traffic. */
const draftSchema = z.object({
  id: z.string(),
  functionName: z.string(),
  config: versionConfigSchema,
  digest: z.string(),
  sizeBytes: z.number().int(),
  fileCount: z.number().int(),
  createdAt: timeSchema,
  createdBy: z.string(),
  expiresAt: timeSchema.describe('When it is removed unless it is called before.'),
});
export type DraftDocument = z.infer<typeof draftSchema>;
export const draftListSchema = z.object({ items: z.array(draftSchema) });
/** A new draft, with what the build said. */
export const createdDraftSchema = z.object({ draft: draftSchema, buildLog: z.array(z.string()) });
export type CreatedDraft = z.infer<typeof createdDraftSchema>;

/** One version of any function, for lists and for the markers of charts. */
const deploymentSchema = z.object({
  functionName: z.string(),
  version: z.number().int(),
  message: z.string(),
  at: timeSchema,
  by: z.string(),
});
export type Deployment = z.infer<typeof deploymentSchema>;
export const deploymentsSchema = z.object({
  items: z.array(deploymentSchema),
  isComplete: z
    .boolean()
    .describe('False: there are older ones in the range; ask again with `to` set to the last `at`.'),
});
export const deploymentsQuerySchema = z.object({
  function: z.string().max(63).optional(),
  from: timeSchema.optional().describe('Included.'),
  to: timeSchema.optional().describe('Not included.'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

/** A new function or version, with what the build said. */
export const deployedSchema = z.object({
  function: functionSchema,
  version: versionSchema,
  buildLog: z.array(z.string()),
  url: z.string(),
});
export type Deployed = z.infer<typeof deployedSchema>;

/** What the build of a version installed. */
export const installedPackagesSchema = z.object({
  installer: z.enum(['npm', 'pip']),
  isBundled: z
    .boolean()
    .describe(
      'True: what the code uses of them is in one file with it, and sizes are of that. False: they lie beside it, whole.',
    ),
  items: z
    .array(
      z.object({
        name: z.string(),
        version: z.string(),
        sizeBytes: z.number().int().describe('0: nothing of it is used.'),
      }),
    )
    .describe('By name; a name comes more than once when several versions of it are needed. At most 1000.'),
});
export type InstalledPackages = z.infer<typeof installedPackagesSchema>;

export const versionFilesSchema = z.object({
  files: z.array(
    z.object({
      path: z.string(),
      sizeBytes: z.number().int(),
      sha256: z.string().describe('Of its content, in hexadecimal digits.'),
      executable: z.boolean(),
      text: z.string().nullable().describe('Null when binary or over 256 KiB.'),
    }),
  ),
  packages: installedPackagesSchema
    .nullable()
    .describe('Null when the build installed nothing, or an earlier release made it and did not note it down.'),
});
export type VersionFiles = z.infer<typeof versionFilesSchema>;
