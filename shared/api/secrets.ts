import { z } from 'zod';
import { secretNameSchema } from '../env-names.ts';
import { limits } from '../limits.ts';
import { pageOf, timeSchema } from './paging.ts';

/** A secret without its value: that cannot be read again. */
export const secretSchema = z.object({
  name: z.string(),
  version: z.number().int().describe('Counts up with every value.'),
  createdAt: timeSchema,
  updatedAt: timeSchema,
  updatedBy: z.string(),
  usedBy: z
    .array(z.object({ functionName: z.string(), version: z.number().int() }))
    .describe('Versions behind aliases that list it.'),
});
export type SecretDocument = z.infer<typeof secretSchema>;
export const secretPageSchema = pageOf(secretSchema);

export const secretParams = z.object({ name: secretNameSchema });
export const putSecretSchema = z.strictObject({
  value: z
    .string()
    .min(1, 'a value must not be empty')
    .max(limits.maxSecretChars)
    // It becomes a variable of an environment, where a NUL ends a value, and lone surrogates cannot be written.
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must be text without NUL characters'),
});

export const secretsKeySchema = z.object({
  source: z.string().describe('The setting or file that the key comes from.'),
  keyId: z.string().describe('Names the key and says nothing about it.'),
  pending: z.number().int().describe('Secrets that are still wrapped with an earlier key.'),
});
