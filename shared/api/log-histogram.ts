import { z } from 'zod';
import { logQuerySchema } from './invocations.ts';
import { timeSchema } from './paging.ts';

/** Bars of a histogram, at most. */
const maxLogSteps = 500;

export const logHistogramQuerySchema = logQuerySchema
  .pick({ invocation: true, level: true, search: true, filter: true })
  .extend({
    since: timeSchema.optional().describe('An hour before `until` when left out.'),
    until: timeSchema.optional().describe('Now when left out.'),
    steps: z.coerce
      .number()
      .int()
      .min(1)
      .max(maxLogSteps)
      .default(80)
      .describe('At most so many; the platform chooses a step that people count in.'),
  });
export type LogHistogramQuery = z.infer<typeof logHistogramQuerySchema>;

const count = z.number().int();
/** Lines of one step, by level. */
export const logStepSchema = z.object({ at: timeSchema, debug: count, info: count, warn: count, error: count });
export type LogStep = z.infer<typeof logStepSchema>;

export const logHistogramSchema = z.object({
  from: timeSchema.describe('The range in whole steps.'),
  to: timeSchema,
  stepMs: z.number(),
  steps: z.array(logStepSchema).describe('Oldest first; steps without lines are left out.'),
  complete: z
    .boolean()
    .describe('False: there were too many lines to look at all of them; those before `countedFrom` are not counted.'),
  countedFrom: timeSchema.nullable().describe('Null: all was counted.'),
  end: z
    .string()
    .describe('The newest line that there was: lines that come later have higher ids, and are not counted yet.'),
});
export type LogHistogram = z.infer<typeof logHistogramSchema>;
