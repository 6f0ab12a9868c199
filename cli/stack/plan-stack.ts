import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type FunctionDocument,
  functionPageSchema,
  type VersionFiles,
  versionFilesSchema,
  versionPreviewSchema,
} from '../../shared/api/functions.ts';
import type { Manifest } from '../../shared/manifest.ts';
import { stackTag } from '../../shared/stack.ts';
import { type FieldChange, writtenFiles } from '../../shared/version-changes.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext } from '../context.ts';
import { allPages } from '../pages.ts';
import { versionPart } from '../source-folder.ts';
import type { ReadStack, StackFolder } from './read-stack.ts';

interface FileChange {
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
}

/** What is to be done about one function. */
export type StackStep =
  | { readonly kind: 'create'; readonly name: string; readonly folder: StackFolder }
  | {
      /** `describe`: only what belongs to the function as a whole, so without a new version. */
      readonly kind: 'deploy' | 'describe' | 'keep';
      readonly name: string;
      readonly folder: StackFolder;
      readonly fields: readonly FieldChange[];
      readonly files: readonly FileChange[];
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'delete'; readonly name: string };

/** Compares folders with what is deployed; nothing is changed. Functions of the stack that no folder makes any more are deleted where `prune` is set. */
export async function planStack(
  context: CliContext,
  { stack, folders }: ReadStack,
  prune: boolean,
): Promise<readonly StackStep[]> {
  const { client } = context;
  const present = await allPages((cursor) =>
    client.get('/api/v1/functions', functionPageSchema, { limit: 200, cursor }),
  );
  const byName = new Map(present.map((item) => [item.name, item]));
  const steps: StackStep[] = [];
  for (const plain of folders) {
    const { name } = plain.manifest;
    const deployed = byName.get(name);
    const folder = { ...plain, manifest: tagged(plain.manifest, deployed, stackTag(stack)) };
    byName.delete(name);
    steps.push(deployed === undefined ? { kind: 'create', name, folder } : await compare(context, folder, deployed));
  }
  const left = [...byName.values()].filter(({ tags }) => tags.includes(stackTag(stack)));
  return prune ? [...steps, ...left.map(({ name }): StackStep => ({ kind: 'delete', name }))] : steps;
}

/** Tags that `hearth.json` does not mention stay as they are. */
const tagged = (manifest: Manifest, deployed: FunctionDocument | undefined, tag: string): Manifest => ({
  ...manifest,
  tags: [...new Set([...(manifest.tags ?? deployed?.tags ?? []), tag])],
});

async function compare(
  { client }: CliContext,
  folder: StackFolder,
  { name, latestVersion, ...deployed }: FunctionDocument,
): Promise<StackStep> {
  const { message: _message, ...config } = versionPart(folder.manifest);
  const path = `${functionPath(name)}/versions`;
  const preview = await client.send('POST', `${path}/preview`, versionPreviewSchema, { json: config });
  const { files } = await client.get(`${path}/${latestVersion}/files`, versionFilesSchema);
  const changes = await changedContents(folder, writtenFiles(files));
  const described = descriptionChanges(folder.manifest, deployed);
  const isNewVersion = preview.fields.length > 0 || changes.length > 0;
  const kind = isNewVersion ? 'deploy' : described.length > 0 ? 'describe' : 'keep';
  return { kind, name, folder, fields: [...described, ...preview.fields], files: changes, warnings: preview.warnings };
}

async function changedContents(
  { directory, files }: StackFolder,
  deployed: readonly VersionFiles['files'][number][],
): Promise<readonly FileChange[]> {
  const before = new Map(deployed.map(({ path, sha256, executable }) => [path, `${sha256} ${executable}`]));
  const changes: FileChange[] = [];
  for (const { path } of files) {
    const was = before.get(path);
    before.delete(path);
    if (was === undefined) changes.push({ path, change: 'added' });
    else if (was !== (await contentOf(join(directory, path)))) changes.push({ path, change: 'changed' });
  }
  for (const path of before.keys()) changes.push({ path, change: 'removed' });
  return changes;
}

const anyoneRuns = 0o111;

async function contentOf(path: string): Promise<string> {
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  return `${sha256} ${((await stat(path)).mode & anyoneRuns) !== 0}`;
}

/** What `hearth.json` says of the function as a whole and is otherwise. */
function descriptionChanges(
  { description, tags = [] }: Manifest,
  deployed: Pick<FunctionDocument, 'description' | 'tags'>,
): readonly FieldChange[] {
  const changes: FieldChange[] = [];
  if (description !== undefined && description !== deployed.description)
    changes.push({
      key: 'description',
      before: JSON.stringify(deployed.description),
      after: JSON.stringify(description),
    });
  const [before, after] = [deployed.tags.toSorted().join(', '), tags.toSorted().join(', ')];
  if (before !== after) changes.push({ key: 'tags', before: before || 'none', after });
  return changes;
}
