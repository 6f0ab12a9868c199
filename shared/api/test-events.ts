import { z } from 'zod';
import { testEventNamePattern, testEventNameRule, testEventVisibilities } from '../test-events.ts';
import { nameSchema, pageOf, timeSchema } from './paging.ts';

export const testEventParams = z.object({
  name: nameSchema,
  visibility: z.enum(testEventVisibilities),
  event: z.string().regex(testEventNamePattern, testEventNameRule),
});

/** What is in it is asked for by itself. */
export const testEventSchema = z.object({
  name: z.string(),
  visibility: z.enum(testEventVisibilities),
  sizeBytes: z.number().int(),
  createdAt: timeSchema,
  updatedAt: timeSchema,
  updatedBy: z.string().describe('Name of the user or token that saved it last.'),
});
export type TestEvent = z.infer<typeof testEventSchema>;
export const testEventPageSchema = pageOf(testEventSchema);
