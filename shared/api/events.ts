import { z } from 'zod';
import { maxTopicChars, maxTopics } from '../topics.ts';
import { logLineSchema } from './invocations.ts';
import { liveTickSchema } from './metrics.ts';
import { timeSchema } from './paging.ts';

const topicSchema = z.string().min(1).max(maxTopicChars);

export const eventsQuerySchema = z.object({
  topic: z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(topicSchema).min(1).max(maxTopics))
    .describe(
      'Repeatable: `metrics`, `metrics:<function>`, `logs`, `logs:<function>`, both with `?filter=` and `?tail=` (lines of the past, 0 to 200), `deployments`, `alerts`.',
    ),
  forMs: z.coerce
    .number()
    .int()
    .min(100)
    .max(30_000)
    .optional()
    .describe('Ends the stream after so long, for readers behind a proxy that passes on whole responses alone.'),
});

export type EventsQuery = z.infer<typeof eventsQuerySchema>;

export const changeTopicsSchema = z.strictObject({
  topics: z.array(topicSchema).max(maxTopics).describe('All that the stream is to carry from now on.'),
});

/** A topic that a stream does not carry, and why: also the data of an event `closed`. */
export const refusedTopicSchema = z.object({
  topic: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string(),
});
export type RefusedTopic = z.infer<typeof refusedTopicSchema>;

/** Data of the first event, `open`; and the answer to a change of topics. */
export const openStreamSchema = z.object({
  stream: z.string().describe('Names the stream where its topics are changed.'),
  version: z.string().describe('Of the platform.'),
  topics: z.array(z.string()),
  refused: z.array(refusedTopicSchema),
});
export type OpenStream = z.infer<typeof openStreamSchema>;

/** Data of an event `gap`: events of the topic that this reader did not get. */
export const gapSchema = z.object({
  topic: z.string(),
  lost: z.number().int().nullable().describe('Null: nobody knows; the platform has started anew, or it is long ago.'),
  isAtLeast: z.boolean().describe('There were more; nobody went on counting.'),
});
export type Gap = z.infer<typeof gapSchema>;

/** Data of an event `log`: lines in ascending order. */
export const logEventSchema = z.object({ topic: z.string(), lines: z.array(logLineSchema) });
export type LogEvent = z.infer<typeof logEventSchema>;

/** Data of an event `tick` of `metrics:<function>`; of `metrics` it is a LiveTick with the topic. */
export const functionTickSchema = z.object({
  topic: z.string(),
  at: timeSchema,
  stepMs: z.number(),
  invocations: z.number(),
  errors: z.number(),
  p95Ms: z.number().nullable(),
});
export type FunctionTick = z.infer<typeof functionTickSchema>;

/** Data of an event `deployment`: a function was made, deployed, switched, or deleted, or an alias has moved. */
export const deploymentEventSchema = z.object({
  topic: z.string(),
  at: timeSchema,
  functionName: z.string(),
  isRemoved: z.boolean(),
  latestVersion: z.number().int(),
  live: z.array(z.object({ version: z.number().int(), weight: z.number() })),
});
export type DeploymentEvent = z.infer<typeof deploymentEventSchema>;

/** Data of an event `alert`: a rule was changed, or what it watches has. */
export const alertEventSchema = z.object({
  topic: z.string(),
  at: timeSchema,
  ruleId: z.string(),
  name: z.string(),
  isRemoved: z.boolean(),
  state: z.enum(['ok', 'pending', 'firing']),
});
export type AlertEvent = z.infer<typeof alertEventSchema>;

/** Data of one event of a stream; which it is says the event's name. */
export const eventDataSchema = z
  .union([
    openStreamSchema,
    liveTickSchema.extend({ topic: z.string() }),
    functionTickSchema,
    logEventSchema,
    deploymentEventSchema,
    alertEventSchema,
    gapSchema,
    refusedTopicSchema,
  ])
  .describe('The data of each event, one line of JSON.');
