import { resolve } from 'node:path';
import { createdDraftSchema } from '../../shared/api/functions.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext } from '../context.ts';
import { draftConfig, readSourceFolder, uploadForm, warnOfSecrets } from '../source-folder.ts';
import { printable } from '../terminal.ts';

/** Makes a draft of the function from a folder, hands its path on, and deletes it again, whatever came of the call. */
export async function withDraft(
  { client, terminal, directory, signal }: CliContext,
  functionName: string,
  folder: string,
  call: (path: string) => Promise<void>,
): Promise<void> {
  const source = await readSourceFolder(resolve(directory, folder));
  warnOfSecrets(source, terminal);
  const path = `${functionPath(functionName)}/drafts`;
  const body = uploadForm(source, draftConfig(source.manifest));
  const { draft, buildLog } = await client.send('POST', path, createdDraftSchema, { body, signal });
  for (const line of buildLog) terminal.say(terminal.style('dim', `  | ${printable(line)}`));
  try {
    await call(`${path}/${draft.id}`);
  } finally {
    // What cannot be deleted now goes by itself.
    await client.request(`${path}/${draft.id}`, { method: 'DELETE' }).catch(() => undefined);
  }
}
