import { processServerError, type ServerError } from './server-error.ts';

/** Why a deploy was refused, to be shown beside its code: without the field that only says that there are places in files, which are in the list above the editor. */
export function processDeployError(error: unknown): ServerError {
  const refused = processServerError(error);
  if (refused.code !== 'build_failed') return refused;
  return { ...refused, fields: refused.fields.filter(({ path }) => path !== 'files') };
}
