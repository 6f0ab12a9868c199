import { z } from 'zod';

/** `hearth.stack.json`: functions that are deployed together, and by nobody else. Read by `hearth plan` and `hearth apply` (docs/stacks.md). */
export const stackSchema = z.strictObject({
  $schema: z.string().max(2048).optional().describe('Where editors find this schema.'),
  name: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/, 'lower-case letters, digits and hyphens, at most 50')
    .describe('Names the stack within its project: its functions carry the tag `stack:<name>`.'),
  functions: z
    .array(z.string().min(1).max(512))
    .min(1)
    .max(1000)
    .describe(
      'Folders with a hearth.json, as seen from this file; `services/*` stands for each of those directly in `services`.',
    ),
});
export type Stack = z.infer<typeof stackSchema>;

export const stackFile = 'hearth.stack.json';

/** Under which path the control listener has the JSON Schema of `hearth.stack.json`, for editors. */
export const stackSchemaPath = '/hearth.stack.schema.json';

/** The tag of a stack's functions: what is pruned is what carries it. */
export const stackTag = ({ name }: Pick<Stack, 'name'>): string => `stack:${name}`;
