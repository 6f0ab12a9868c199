import { z } from 'zod';

/** Names that the platform sets itself inside a sandbox. */
export const reservedEnv = /^(HEARTH_|AWS_LAMBDA_|_HANDLER$|LD_|NODE_OPTIONS$|PATH$|PYTHON(PATH|HOME|STARTUP)$)/;
/** What a variable of the environment may be called. */
export const envName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
/** A secret is called what its variable in the environment is called. */
export const secretNameSchema = z
  .string()
  .regex(envName, 'letters, digits and _ only, not starting with a digit, at most 128')
  .refine((name) => !reservedEnv.test(name), 'this name is set by the platform; choose another one');
