import { z } from 'zod';
import { auditActions, auditOutcomes, auditResources } from '../audit-actions.ts';
import { tokenScopes } from '../roles.ts';
import { isolationLevels, runtimeNames } from '../version-config.ts';
import { timeSchema } from './paging.ts';

const limitNames = ['memory', 'cpu', 'pids', 'tmp', 'network'] as const;
export type LimitName = (typeof limitNames)[number];

const seenTimesSchema = z.object({ count: z.number().int(), p50Ms: z.number(), p95Ms: z.number() });
const levelCostSchema = z
  .object({
    booted: seenTimesSchema
      .nullable()
      .describe('Sandboxes that were booted for a call that waited, with load and init.'),
    waiting: seenTimesSchema.nullable().describe('The same from sandboxes that waited, or from snapshots.'),
    quickestWarmMs: z.number().nullable().describe('The quickest call to an instance that was there.'),
    warmCalls: z.number().int(),
    idleInstances: z.number().int().describe('Now.'),
    idleMemoryBytes: z
      .number()
      .nullable()
      .describe('Median of those; while there is none, of the last instance that was measured, else null.'),
  })
  .describe(
    'What calls have cost at this level on this machine, since the platform started, and what was measured on demand.',
  );

export const driverDocumentSchema = z.object({
  name: z.enum(isolationLevels),
  isDefault: z.boolean(),
  status: z.enum(['healthy', 'unhealthy', 'undetected']),
  isolation: z.enum(['none', 'process', 'container', 'microvm', 'unikernel']),
  version: z
    .string()
    .nullable()
    .describe('Of the technology on this host; for a daemon also the version of its API that is spoken with it.'),
  tier: z.string().nullable().describe('How strong the isolation is on this host, for example `strict`.'),
  enforces: z.array(z.enum(limitNames)),
  reason: z.string().nullable(),
  fix: z.string().nullable(),
  notes: z.array(z.string()).describe('What it cannot do on this host, warnings.'),
  measured: levelCostSchema.nullable().describe('Null while no call has used it and nobody has it measured.'),
});
export type DriverDocument = z.infer<typeof driverDocumentSchema>;

export const runtimeDocumentSchema = z.object({
  name: z.string(),
  status: z.enum(['available', 'missing']),
  version: z.string().nullable(),
  reason: z.string().nullable(),
  fix: z.string().nullable(),
});
export type RuntimeDocument = z.infer<typeof runtimeDocumentSchema>;

const keepAliveSchema = z
  .object({
    basis: z
      .enum(['configured', 'fixed', 'histogram', 'forecast'])
      .describe('configured: the version sets idleTimeoutMs. histogram, forecast: foretold from earlier idle times.'),
    preWarmMs: z
      .number()
      .describe('So long after the last call nothing is kept; then an instance is started. 0: it stays.'),
    keepAliveMs: z.number().describe('From then on (or from the last call on) so long an instance is kept.'),
    reason: z.string(),
    samples: z.number().describe('Idle times seen, older ones weighing less; forgotten when the platform restarts.'),
    quietMs: z.number().nullable().describe('Since the last call ended; null while calls run or wait.'),
    coldStartsAvoided: z
      .number()
      .int()
      .describe('Calls after a quiet time that found an instance waiting, since the platform started.'),
    idleMbHours: z.number().describe('Memory limits of idle instances times how long they were idle, since then.'),
    coldStartsAvoidedPerMbHour: z.number().nullable().describe('The one by the other; null before anything was idle.'),
  })
  .describe('How long idle instances are kept, and why.');

const scalingSchema = z
  .object({
    target: z.number().int().describe('Instances that there should be now.'),
    boots: z
      .number()
      .int()
      .describe('Boots that should begin now; more than 0 for long: the host has no room or boots enough.'),
    mode: z
      .enum(['stable', 'panic', 'zero'])
      .describe('panic: calls have risen suddenly, nothing is given up for a minute. zero: none is needed.'),
    reason: z.string(),
  })
  .describe('How many instances there should be, and why.');

export const poolDocumentSchema = z.object({
  functionName: z.string(),
  version: z.number().int(),
  waiting: z.number().describe('Calls that wait for an instance.'),
  keepAlive: keepAliveSchema,
  pausedCopies: z
    .object({
      count: z.number().int(),
      memoryMb: z.number().int().describe('What they are counted with: what they take while they stand still.'),
    })
    .describe('Copies from its snapshot that were restored ahead of calls.'),
  scaling: scalingSchema,
  instances: z.array(
    z.object({
      id: z.string(),
      state: z.string(),
      inFlight: z.number(),
      start: z.string(),
      createdAt: timeSchema,
      invocations: z.number(),
      memoryBytes: z.number(),
      peakMemoryBytes: z.number(),
      cpuMs: z.number(),
      io: z
        .object({
          networkReceivedBytes: z.number(),
          networkSentBytes: z.number(),
          diskReadBytes: z.number(),
          diskWrittenBytes: z.number(),
        })
        .nullable()
        .describe(
          'Through its network, loopback left out, and from and to block devices; null where the level cannot tell.',
        ),
    }),
  ),
});
export type PoolDocument = z.infer<typeof poolDocumentSchema>;

const runtimeImageSchema = z.object({
  driver: z.enum(isolationLevels),
  runtime: z.string(),
  reference: z.string().describe('The name under which the daemon knows it.'),
  digest: z.string().describe('Of its contents, as the daemon has it.'),
  sizeBytes: z.number().int().describe('Layers that images share are counted in each.'),
});

export const systemSchema = z.object({
  version: z.string(),
  nodeVersion: z.string(),
  startedAt: timeSchema,
  gatewayUrl: z.string(),
  controlUrl: z.string(),
  defaultIsolation: z.enum(isolationLevels),
  warnings: z.array(z.string()),
  drivers: z.array(driverDocumentSchema),
  runtimes: z.array(runtimeDocumentSchema),
  images: z
    .array(runtimeImageSchema)
    .nullable()
    .describe('What runtimes are started from, at levels with images; null while their daemon does not answer.'),
  limits: z.record(z.string(), z.union([z.number(), z.string()])),
});
export type SystemDocument = z.infer<typeof systemSchema>;
export const poolsSchema = z.object({
  places: z
    .object({
      total: z.number().int().describe('Most invocations in flight, all functions together.'),
      reserved: z.number().int().describe('Of these, what functions have for themselves.'),
      taken: z.number().int(),
    })
    .describe('Of the whole host.'),
  pools: z.array(poolDocumentSchema),
  preWarmed: z.array(z.object({ runtime: z.string(), isolation: z.string(), count: z.number() })),
});
export type Pools = z.infer<typeof poolsSchema>;

export const runtimeImagesSchema = z.object({ images: z.array(runtimeImageSchema) });
export const buildRuntimeImageSchema = z.strictObject({ runtime: z.enum(runtimeNames) });
export const builtRuntimeImageSchema = runtimeImageSchema.extend({
  isNew: z.boolean().describe('False when that very image was there already.'),
  progress: z.array(z.string()),
});

export const buildGuestsSchema = z.strictObject({
  runtime: z.enum(runtimeNames),
  kernel: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe(
      "A kernel file or Debian package on the platform's machine, by its absolute path, that guests boot from now on; `installed`: the distribution's again.",
    ),
});
export const builtGuestsSchema = z.object({
  guests: z.array(
    z.object({
      driver: z.enum(isolationLevels),
      runtime: z.enum(runtimeNames),
      kernelVersion: z.string(),
      parts: z.array(
        z.object({
          part: z
            .enum(['kernel', 'initrd', 'root'])
            .describe('The initial RAM disk is the one for the default limits; others are made in milliseconds.'),
          name: z.string().describe('Of the file; says by a hash what went into it.'),
          digest: z.string().describe('`sha256:` and hexadecimal digits, of its contents.'),
          sizeBytes: z.number().int(),
          isNew: z.boolean().describe('False when that very file was there already.'),
        }),
      ),
      progress: z.array(z.string()),
    }),
  ),
});

const pullSchema = z.object({
  reference: z.string(),
  startedAt: timeSchema,
  status: z.string().describe('What the daemon said last.'),
  layers: z.number().int().describe('Known by now.'),
  layersDone: z.number().int(),
  currentBytes: z.number().describe('Of the layers whose size is known by now.'),
  totalBytes: z.number(),
});
export const pullsSchema = z.object({ pulls: z.array(pullSchema) });
export type Pulls = z.infer<typeof pullsSchema>;

export const readinessSchema = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});
export type Readiness = z.infer<typeof readinessSchema>;

export const tokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  scope: z.enum(tokenScopes),
  project: z.string().nullable().describe('Null: good for all projects.'),
  createdAt: timeSchema,
  expiresAt: timeSchema.nullable(),
  lastUsedAt: timeSchema.nullable(),
});
export type TokenDocument = z.infer<typeof tokenSchema>;
export const createTokenSchema = z.strictObject({
  name: z.string().min(1).max(100),
  scope: z
    .enum(tokenScopes)
    .default('admin')
    .describe(
      'admin: all. deploy: all but tokens. invoke: call functions and read their invocations. read: look only.',
    ),
  expiresInSeconds: z.number().int().min(60).max(315_360_000).optional(),
  isPlatformWide: z
    .boolean()
    .optional()
    .describe('Good for all projects; only callers who are may give this. Else for the project of the request.'),
});
export type CreateToken = z.input<typeof createTokenSchema>;
export const createdTokenSchema = tokenSchema.extend({ secret: z.string().describe('Shown once.') });
export type CreatedToken = z.infer<typeof createdTokenSchema>;

export const whoamiSchema = z.object({
  tokenId: z.string(),
  kind: z.enum(['token', 'user']),
  name: z.string(),
  scope: z.string().describe('Of a token; of a user the role in the project, or `none`.'),
  project: z.string().nullable().describe('In which requests without `Hearth-Project` are understood.'),
  isPlatformWide: z.boolean().describe('Good for all projects.'),
  access: z.array(z.string()).describe('What may be done there.'),
});
export type WhoamiDocument = z.infer<typeof whoamiSchema>;
export const auditEntrySchema = z.object({
  id: z.string(),
  at: timeSchema,
  project: z.string().nullable().describe('Null: it concerns the installation as a whole.'),
  actorId: z.string().describe('Of the token or user.'),
  actor: z.string(),
  action: z.string(),
  target: z.string(),
  outcome: z.enum(auditOutcomes).describe('`refused`: it was not done.'),
  detail: z.unknown(),
  address: z.string(),
  hash: z.string().describe('Chains the entry to the one before.'),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** Which entries of the audit trail; all that is given has to hold. */
export const auditFilterSchema = z.object({
  actor: z.string().min(1).max(255).optional().describe('Name, or id, of the user or token.'),
  action: z.enum(auditActions).optional(),
  resource: z.enum(auditResources).optional().describe('What it was done to: the part of the action before the dot.'),
  target: z.string().min(1).max(512).optional().describe('The name or id of that, in full.'),
  outcome: z.enum(auditOutcomes).optional(),
  from: timeSchema.optional().describe('Included.'),
  to: timeSchema.optional().describe('Not included.'),
});
export type AuditFilter = z.infer<typeof auditFilterSchema>;
