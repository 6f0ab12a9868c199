import { z } from 'zod';
import { namePattern } from '../ids.ts';
import { buildErrorSchema } from './build-errors.ts';

/** RFC 3339 in UTC. */
export const timeSchema = z.iso.datetime();
export const nameSchema = z
  .string()
  .regex(namePattern, 'lower-case letters, digits and hyphens, 1 to 63, not starting or ending with a hyphen');

export const pageQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(512).optional().describe('`nextCursor` of the page before.'),
});

/** A page of a list in a stable order; `nextCursor` is null on the last page. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });

/** RFC 9457 problem document. `code` is stable (docs/error-codes.md). */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
  requestId: z.string(),
  instance: z.string().optional(),
  invocationId: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  error: z
    .object({ type: z.string(), message: z.string(), stack: z.string().optional() })
    .optional()
    .describe('What the function threw.'),
  buildLog: z.array(z.string()).optional(),
  buildErrors: z
    .array(buildErrorSchema)
    .optional()
    .describe('With `build_failed`: the places at fault, as far as they are known.'),
});
export type Problem = z.infer<typeof problemSchema>;
