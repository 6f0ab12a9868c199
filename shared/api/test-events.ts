import { z } from 'zod';
import { KiB } from '../limits.ts';
import { nameSchema, pageOf, timeSchema } from './paging.ts';

/** An event is for trying out; larger payloads go with `hearth invoke --file`. */
export const testEventLimits = { maxBytes: 256 * KiB, maxNameChars: 60, maxPrivate: 20, maxShared: 50 } as const;

/** `private`: only the user or token that saved it sees it. `shared`: everybody in the project. */
const testEventVisibilities = ['private', 'shared'] as const;
export type TestEventVisibility = (typeof testEventVisibilities)[number];

/** Any script, but nothing that cannot be seen or that means something in a path. */
const testEventNamePattern = /^[\p{L}\p{N}](?:[^\p{C}/\\]{0,58}[^\p{C}\p{Z}/\\])?$/u;
const testEventNameSchema = z
  .string()
  .regex(
    testEventNamePattern,
    'a name has 1 to 60 characters, begins with a letter or digit, ends with no space and has no slash',
  );

export const testEventParams = z.object({
  name: nameSchema,
  visibility: z.enum(testEventVisibilities),
  event: testEventNameSchema,
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
