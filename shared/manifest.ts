import type { z } from 'zod';
import { createFunctionSchema } from './api/functions.ts';

/** `hearth.json` beside a function's code: everything that a deployment needs but the code itself. Read by the CLI and the examples. */
export const manifestSchema = createFunctionSchema.omit({ files: true });
export type Manifest = z.input<typeof manifestSchema>;

/** The manifest's name in a function's folder; it does not travel with the bundle. */
export const manifestFile = 'hearth.json';
