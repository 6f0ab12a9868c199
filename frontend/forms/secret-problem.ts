import { putSecretSchema, secretParams } from '../../shared/api/secrets.ts';

/** Why the platform would not take a secret, in its words; undefined when it would. */
export const secretProblem = (name: string, value: string): string | undefined =>
  secretParams.extend(putSecretSchema.shape).safeParse({ name, value }).error?.issues[0]?.message;
