import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CreateFunction } from '../../shared/api/functions.ts';
import { manifestFile, manifestSchema } from '../../shared/manifest.ts';

/** Deployed when the data folder is new, so that the first `curl` answers. The first is the one that the banner shows. */
const exampleFolders = ['hello-ts', 'hello-python'] as const;
/** Answers right after the first start. */
export const exampleTryPath = '/hello?name=Ada';

/** Reads the example functions from `examples/` of the package. */
export async function readExamples(packageRoot: string): Promise<readonly CreateFunction[]> {
  return await Promise.all(
    exampleFolders.map(async (folder) => await readExample(join(packageRoot, 'examples', folder))),
  );
}

async function readExample(folder: string): Promise<CreateFunction> {
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(folder, manifestFile), 'utf8')));
  const files: Record<string, string> = {};
  for (const name of await readdir(folder)) {
    if (name !== manifestFile) files[name] = await readFile(join(folder, name), 'utf8');
  }
  return { ...manifest, files };
}
