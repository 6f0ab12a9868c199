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

/** Several by name, set together or not at all. */
export const putSecretsSchema = z.strictObject({
  values: z
    .record(z.string(), putSecretSchema.shape.value)
    // Not as the key of the record: that would say that a name is wrong, and not what is.
    .superRefine((values, context) => {
      for (const name of Object.keys(values))
        for (const { message } of secretNameSchema.safeParse(name).error?.issues ?? [])
          context.addIssue({ code: 'custom', path: [name], message });
    })
    .refine((values) => Object.keys(values).length > 0, 'has no secret')
    .refine(
      (values) => Object.keys(values).length <= limits.maxSecretsAtOnce,
      `has more than ${limits.maxSecretsAtOnce} secrets; send them in several requests`,
    )
    .refine(
      (values) => Object.values(values).reduce((sum, { length }) => sum + length, 0) <= limits.maxSecretCharsAtOnce,
      `has more than ${limits.maxSecretCharsAtOnce} characters in all; send it in several requests`,
    )
    .describe(
      `By name; at most ${limits.maxSecretsAtOnce}, of at most ${limits.maxSecretCharsAtOnce} characters together.`,
    ),
});
export const secretListSchema = z.object({ items: z.array(secretSchema) });
export type SecretList = z.infer<typeof secretListSchema>;

export const secretsKeySchema = z.object({
  source: z.string().describe('The setting or file that the key comes from.'),
  keyId: z.string().describe('Names the key and says nothing about it.'),
  pending: z.number().int().describe('Secrets that are still wrapped with an earlier key.'),
});
