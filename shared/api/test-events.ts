import { z } from 'zod';
import { testEventKinds, testEventNamePattern, testEventNameRule, testEventVisibilities } from '../test-events.ts';
import { nameSchema, pageOf, timeSchema } from './paging.ts';

export const testEventParams = z.object({
  name: nameSchema,
  visibility: z.enum(testEventVisibilities),
  event: z.string().regex(testEventNamePattern, testEventNameRule),
});

/** Whoever saves a request for others says so when its credentials are to be among what is saved. */
export const putTestEventQuerySchema = z.object({
  credentials: z
    .literal('keep')
    .optional()
    .describe('Saves a shared request also with headers that may hold credentials; refused without it.'),
});

/** What is in it is asked for by itself. */
export const testEventSchema = z.object({
  name: z.string(),
  visibility: z.enum(testEventVisibilities),
  kind: z.enum(testEventKinds).describe('JSON that functions are called with, or a whole HTTP request.'),
  sizeBytes: z.number().int(),
  createdAt: timeSchema,
  updatedAt: timeSchema,
  updatedBy: z.string().describe('Name of the user or token that saved it last.'),
});
export type TestEvent = z.infer<typeof testEventSchema>;
export const testEventPageSchema = pageOf(testEventSchema);
