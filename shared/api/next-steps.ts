import { z } from 'zod';
import { timeSchema } from './paging.ts';

/** In the order in which they are shown. */
export const nextStepNames = ['cli', 'ci', 'alert', 'backup'] as const;
export type NextStepName = (typeof nextStepNames)[number];

const nextStepSchema = z.object({
  step: z
    .enum(nextStepNames)
    .describe(
      '`cli`: the command line was let in; `ci`: it deployed in CI; both in this project. `alert`: there is an alert rule that the caller may see. `backup`: a backup of the installation was made.',
    ),
  doneAt: timeSchema
    .nullable()
    .describe('When it was done first, of `alert` by a rule that is there still; null: never.'),
});
export type NextStep = z.infer<typeof nextStepSchema>;
export const nextStepsSchema = z.object({ items: z.array(nextStepSchema) });
export type NextSteps = z.infer<typeof nextStepsSchema>;
