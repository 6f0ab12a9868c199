import { z } from 'zod';
import { nameSchema, pageOf, pageQuerySchema, timeSchema } from './paging.ts';

const errorGroupStates = ['open', 'resolved', 'ignored'] as const;
const stateSchema = z.enum(errorGroupStates);
export type ErrorGroupState = z.infer<typeof stateSchema>;

/** Failures that look the same: of one function, with one type, message (numbers and ids aside) and place. */
export const errorGroupSchema = z.object({
  id: z.string(),
  functionName: z.string(),
  type: z.string(),
  message: z.string().describe('Of the newest failure.'),
  frame: z.string().describe('Where it was thrown, for example `handler (index.ts)`; empty when no stack says so.'),
  stack: z.string().describe('Of the newest failure, in the lines of the source as it was deployed.'),
  count: z.number().int(),
  firstSeenAt: timeSchema,
  lastSeenAt: timeSchema,
  firstVersion: z
    .number()
    .int()
    .nullable()
    .describe('In which it was seen first; null where that is not known any more.'),
  lastVersion: z.number().int().nullable().describe('Of the newest failure.'),
  liveVersion: z
    .number()
    .int()
    .nullable()
    .describe('That the function runs now, the one with most traffic; null where none is live.'),
  lastInvocationId: z.string(),
  state: stateSchema.describe('resolved: opens again with the next failure. ignored: stays so.'),
  stateAt: timeSchema,
  versions: z.array(z.number().int()).describe('Versions that failed so in the last 24 hours.'),
  sparkline: z.array(z.number()).describe('Failures in each of the last 24 hours, the present one last.'),
});
export type ErrorGroup = z.infer<typeof errorGroupSchema>;
export const errorGroupPageSchema = pageOf(errorGroupSchema);

export const errorGroupListQuerySchema = pageQuerySchema.extend({
  function: nameSchema.optional(),
  state: stateSchema.optional(),
});
export const updateErrorGroupSchema = z.strictObject({ state: stateSchema });
