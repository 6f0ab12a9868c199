import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { manifestFile } from '../../shared/manifest.ts';
import { type Stack, stackFile, stackSchema } from '../../shared/stack.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { readSourceFolder, type SourceFolder } from '../source-folder.ts';

export interface StackFolder extends SourceFolder {
  readonly directory: string;
  /** As seen from the stack's file. */
  readonly shown: string;
}

export interface ReadStack {
  readonly stack: Stack;
  /** In the order of their functions' names. */
  readonly folders: readonly StackFolder[];
}

/** Reads a stack's file and all folders that it names. Rejects with a CliError that says what to write instead. */
export async function readStack(path: string): Promise<ReadStack> {
  const stack = await readStackFile(path);
  const root = dirname(path);
  const directories = new Set<string>();
  for (const pattern of stack.functions) for (const found of await expand(root, pattern)) directories.add(found);
  const folders: StackFolder[] = [];
  for (const directory of directories)
    folders.push({ ...(await readSourceFolder(directory)), directory, shown: relative(root, directory) || '.' });
  folders.sort((a, b) => (a.manifest.name < b.manifest.name ? -1 : 1));
  refuseTwice(folders);
  return { stack, folders };
}

async function readStackFile(path: string): Promise<Stack> {
  if (!existsSync(path))
    throw new CliError(exitCodes.usage, `there is no ${path}`, {
      hint: `Write one: {"name": "shop", "functions": ["services/*"]}, or name another with --file. A single function: hearth deploy.`,
    });
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new CliError(exitCodes.usage, `${path} is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  const parsed = stackSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `\n  ${issue.path.join('.') || '(top level)'}: ${issue.message}`);
  throw new CliError(exitCodes.usage, `${path} has mistakes:${issues.join('')}`);
}

/** The folders that an entry of `functions` stands for. */
async function expand(root: string, pattern: string): Promise<readonly string[]> {
  const all = /^(?:(.*)\/)?\*$/.exec(pattern);
  if (all === null) {
    if (pattern.includes('*'))
      throw new CliError(exitCodes.usage, `${stackFile}: ${pattern}: a * may only stand for the last part of a path`);
    return [resolve(root, pattern)];
  }
  const parent = resolve(root, all[1] ?? '.');
  const entries = await readdir(parent, { withFileTypes: true }).catch((error: Error) => {
    throw new CliError(exitCodes.usage, `${stackFile}: ${pattern}: ${error.message}`);
  });
  const found = entries
    .filter((entry) => entry.isDirectory() && existsSync(join(parent, entry.name, manifestFile)))
    .map((entry) => join(parent, entry.name));
  if (found.length === 0)
    throw new CliError(exitCodes.usage, `${stackFile}: ${pattern}: no folder there has a ${manifestFile}`);
  return found;
}

function refuseTwice(folders: readonly StackFolder[]): void {
  folders.forEach(({ manifest, shown }, index) => {
    const before = folders[index - 1];
    if (before?.manifest.name === manifest.name)
      throw new CliError(exitCodes.usage, `${before.shown} and ${shown} are both called ${manifest.name}`);
  });
}
