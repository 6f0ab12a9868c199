import { z } from 'zod';

/** One place in the uploaded code to which a compiler objects. */
export const buildErrorSchema = z.object({
  file: z.string().describe('Path inside the bundle.'),
  line: z.number().int().min(1).nullable().describe('From 1; null when it is about the file as a whole.'),
  column: z.number().int().min(1).nullable().describe('From 1, in UTF-16 code units; null when `line` is.'),
  text: z.string().describe('What is wrong there.'),
});
export type BuildError = z.infer<typeof buildErrorSchema>;
