import { z } from 'zod';
import { timeSchema } from './paging.ts';

/**
 * What a rule can watch. Those of functions are computed over the rule's window, but `asyncQueued` (asynchronous calls that wait),
 * `asyncOldestMs` (since when the one that is due longest is due) and `deadLetters` (at most 1,000 are counted) are read at the moment, as are those of the platform. `canaryAborts` are canaries that the
 * platform took back, `memoryRate` is the most that an instance of the function that came nearest held of its limit, `cost` what the same
 * calls would cost elsewhere, in the currency of the price table.
 */
const functionMetrics = [
  'errorRate',
  'errors',
  'requests',
  'throttles',
  'canaryAborts',
  'coldStartRate',
  'p50Ms',
  'p95Ms',
  'p99Ms',
  'asyncQueued',
  'asyncOldestMs',
  'deadLetters',
  'memoryRate',
  'cost',
] as const;
export const platformMetrics = [
  'queueDepth',
  'hostCpuPercent',
  'hostMemoryPercent',
  'diskFreeBytes',
  'loopLagMs',
] as const;
export const alertMetrics = [...functionMetrics, ...platformMetrics] as const;
/** Read at the moment, and not over a window. */
export const momentaryMetrics: readonly AlertMetric[] = [
  ...platformMetrics,
  'asyncQueued',
  'asyncOldestMs',
  'deadLetters',
];
export type AlertMetric = (typeof alertMetrics)[number];

const alertChannelSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('webhook'),
    url: z
      .url({ protocol: /^https?$/ })
      .max(2000)
      .describe('Gets a POST, signed as Standard Webhooks has it.'),
  }),
  z.strictObject({ kind: z.literal('email'), to: z.email().max(254).describe('Needs HEARTH_SMTP_URL.') }),
]);
export type AlertChannel = z.infer<typeof alertChannelSchema>;

const ruleFields = {
  name: z.string().min(1).max(100).describe('What people read.'),
  metric: z.enum(alertMetrics),
  functionName: z
    .string()
    .max(127)
    .regex(/^([a-z0-9-]+\/)?[a-z0-9-]+$/, 'a function, or `project/function`')
    .nullable()
    .default(null)
    .describe(
      'Of the project of the rule; in a rule of the installation `hello`, or `acme/hello` in another project. Null: all functions together, or the platform.',
    ),
  comparison: z.enum(['above', 'below']).default('above'),
  threshold: z.number().describe('Shares are 0 to 1, times ms, sizes bytes.'),
  windowMs: z.number().int().min(10_000).max(86_400_000).default(300_000).describe('What is looked at.'),
  forMs: z.number().int().min(0).max(86_400_000).default(0).describe('So long it must hold before anybody is told.'),
  channels: z.array(alertChannelSchema).max(10).default([]),
  isEnabled: z.boolean().default(true),
};
const isAboutOne = (rule: { metric?: AlertMetric | undefined; functionName?: string | null | undefined }): boolean =>
  rule.functionName === null ||
  rule.functionName === undefined ||
  rule.metric === undefined ||
  !(platformMetrics as readonly string[]).includes(rule.metric);
const aboutPlatform = { path: ['functionName'], message: 'this metric is about the platform; leave functionName out' };

export const createAlertRuleSchema = z.strictObject(ruleFields).refine(isAboutOne, aboutPlatform);
export type CreateAlertRule = z.output<typeof createAlertRuleSchema>;

const alertStates = ['ok', 'pending', 'firing'] as const;
export type AlertState = (typeof alertStates)[number];

export const alertRuleSchema = z.object({
  ...ruleFields,
  functionName: z.string().nullable(),
  id: z.string(),
  project: z.string().nullable().describe('Whose rule it is. Null: it belongs to the installation.'),
  state: z.enum(alertStates),
  since: timeSchema.nullable().describe('When the state began; null before the first look.'),
  value: z.number().nullable().describe('At the last look; null where nothing happened in the window.'),
  evaluatedAt: timeSchema.nullable(),
  silencedUntil: timeSchema.nullable(),
  createdAt: timeSchema,
  updatedAt: timeSchema,
});
export type AlertRuleDocument = z.infer<typeof alertRuleSchema>;

export const silenceAlertSchema = z.strictObject({
  durationMs: z
    .number()
    .int()
    .min(0)
    .max(30 * 86_400_000)
    .describe('Nobody is told for so long; 0 ends a silence.'),
});

export const alertDeliverySchema = z.object({
  id: z.string(),
  ruleId: z.string(),
  event: z.enum(['firing', 'resolved', 'test']),
  channel: alertChannelSchema,
  state: z.enum(['waiting', 'delivered', 'failed']),
  attempts: z.number().int(),
  createdAt: timeSchema,
  nextAttemptAt: timeSchema.nullable(),
  lastError: z.string().nullable(),
});
export const alertDeliveriesSchema = z.object({ items: z.array(alertDeliverySchema) });
export type AlertDeliveryDocument = z.infer<typeof alertDeliverySchema>;

export const signingSecretSchema = z.object({
  secret: z.string().describe('`whsec_` and the key in base64: what a receiver checks webhook-signature with.'),
});
