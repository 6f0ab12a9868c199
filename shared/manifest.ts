import { z } from 'zod';
import { createFunctionSchema } from './api/functions.ts';

/** `hearth.json` beside a function's code: everything that a deployment needs but the code itself. Read by the CLI and the examples. */
export const manifestSchema = createFunctionSchema.omit({ files: true }).extend({
  $schema: z.string().max(2048).optional().describe('Where editors find this schema; the platform is not sent it.'),
});
export type Manifest = z.input<typeof manifestSchema>;

/** The manifest's name in a function's folder; it does not travel with the bundle. */
export const manifestFile = 'hearth.json';

/** Under which path the control listener has the JSON Schema of `hearth.json`, for editors. */
export const manifestSchemaPath = '/hearth.schema.json';
