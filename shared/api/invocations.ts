import { z } from 'zod';
import {
  invocationErrorSchema,
  invocationStatuses,
  invocationStatusSchema,
  startKinds,
  timingSchema,
  triggerKinds,
  usageSchema,
} from '../invocation.ts';
import { maxLogFilterChars } from '../log-filter.ts';
import { pageOf, pageQuerySchema, timeSchema } from './paging.ts';

export const invocationSchema = z.object({
  id: z.string(),
  functionName: z.string(),
  version: z.number().int().describe('0: it ran a draft.'),
  qualifier: z.string().describe('The version, alias or draft that was called.'),
  trigger: z.enum(triggerKinds),
  status: invocationStatusSchema,
  start: z.enum(startKinds).describe('The layer that its instance came from; see docs/scheduling.md.'),
  attempts: z.number().int(),
  createdAt: timeSchema,
  startedAt: timeSchema.nullable(),
  finishedAt: timeSchema.nullable(),
  httpStatus: z.number().int().nullable(),
  timing: timingSchema.nullable(),
  usage: usageSchema.nullable(),
  error: invocationErrorSchema.nullable(),
  instanceId: z.string().nullable(),
  traceparent: z.string().nullable(),
  nextAttemptAt: timeSchema.nullable().describe('While it waits for a retry.'),
  replayOf: z.string().nullable(),
  hasRequest: z.boolean().describe('Its request over HTTP was kept: `GET /invocations/{id}/request`.'),
});
export type InvocationDocument = z.infer<typeof invocationSchema>;
export const invocationPageSchema = pageOf(invocationSchema).extend({
  leftOutAt: timeSchema
    .nullable()
    .describe(
      'When an ordinary call of these functions last went without a record, because more came than HEARTH_RECORDS_PER_SECOND; null: none did since the platform started.',
    ),
});
export type InvocationPage = z.infer<typeof invocationPageSchema>;

export const logLineSchema = z.object({
  id: z.string().describe('Sortable; send it back as `Last-Event-ID` or `cursor`.'),
  at: timeSchema,
  functionName: z.string(),
  version: z.number().int().describe('0: of a draft.'),
  invocationId: z.string().nullable(),
  instanceId: z.string().nullable(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  stream: z.enum(['stdout', 'stderr', 'platform']),
  text: z.string(),
});
export type LogLine = z.infer<typeof logLineSchema>;
export const logPageSchema = pageOf(logLineSchema).extend({
  before: z
    .string()
    .nullable()
    .default(null)
    .describe('Of a page from the end: ask again with this `before` for older lines; null when there are none.'),
});

export const invocationDetailSchema = invocationSchema.extend({
  result: z.unknown().describe('What the function returned; null when it was not kept.'),
  payload: z.unknown().describe('What the function was given; null when it was not kept.'),
  logs: z.array(logLineSchema),
});
export type InvocationDetail = z.infer<typeof invocationDetailSchema>;

export const invokeQuerySchema = z.object({
  mode: z.enum(['sync', 'async']).default('sync'),
  qualifier: z.string().max(63).optional().describe('A version number or an alias; `live` when left out.'),
  delayMs: z.coerce
    .number()
    .int()
    .min(0)
    .max(604_800_000)
    .optional()
    .describe('Asynchronous only: not before this long from now.'),
});
export const acceptedSchema = z.object({ id: z.string(), status: invocationStatusSchema, location: z.string() });
export type Accepted = z.infer<typeof acceptedSchema>;

export const invocationListQuerySchema = pageQuerySchema.extend({
  function: z.string().max(63).optional(),
  status: z.enum(invocationStatuses).optional(),
  trigger: z.enum(triggerKinds).optional(),
  from: timeSchema.optional(),
  to: timeSchema.optional(),
  version: z.coerce.number().int().min(0).optional(),
  minDurationMs: z.coerce.number().min(0).max(86_400_000).optional().describe('Took at least so long in all.'),
  search: z
    .string()
    .max(256)
    .optional()
    .describe('An id or its beginning, a trace id, or a part of what the error says; plain text, case does not count.'),
});

export const logQuerySchema = pageQuerySchema.extend({
  follow: z.enum(['0', '1']).optional().describe('1: stay connected and stream (text/event-stream).'),
  invocation: z.string().max(64).optional(),
  level: z.enum(['debug', 'info', 'warn', 'error']).optional().describe('This level and above.'),
  search: z.string().max(256).optional().describe('Plain text, not a pattern.'),
  filter: z
    .string()
    .max(maxLogFilterChars)
    .optional()
    .describe(
      'For example `level:error fn:api status:>=500 "text" -noise`; see docs/logs.md. Without `status:` also live.',
    ),
  since: timeSchema.optional(),
  until: timeSchema.optional(),
  before: z
    .string()
    .max(64)
    .optional()
    .describe('The newest lines before this one: the `before` of a page goes on with older ones.'),
});
export type LogQuery = z.infer<typeof logQuerySchema>;

export const deadLetterSchema = z.object({
  invocationId: z.string(),
  functionName: z.string(),
  version: z.number().int(),
  attempts: z.number().int(),
  reason: z.enum(['attempts-exhausted', 'too-old', 'function-deleted']),
  error: invocationErrorSchema.nullable(),
  createdAt: timeSchema,
  deadAt: timeSchema,
  payload: z.unknown(),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;
export const deadLetterPageSchema = pageOf(deadLetterSchema);
export const redrivenSchema = z.object({
  redriven: z.number().int(),
  isComplete: z.boolean().describe('False: there are more; repeat.'),
});
export type Redriven = z.infer<typeof redrivenSchema>;
