import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CreateFunction } from '../../shared/api/functions.ts';
import { manifestFile, manifestSchema } from '../../shared/manifest.ts';
import { defaultProject } from '../../shared/names.ts';
import type { Deployments } from '../control-plane/deployments.ts';
import type { Logger } from '../core/ports/logger.ts';

/** Deployed when the data folder is new, so that the first `curl` answers. The first is the one that the banner shows. */
const exampleFolders = ['hello-ts', 'hello-python'] as const;
/** Answers right after the first start. */
export const exampleTryPath = '/hello?name=Ada';

/**
 * Deploys the example functions. One that fails is a warning: the platform works without them. Resolves with the path that answers, or
 * undefined when none was deployed.
 */
export async function deployExamples(
  deployments: Pick<Deployments, 'createFunction'>,
  packageRoot: string,
  logger: Logger,
): Promise<string | undefined> {
  let tryPath: string | undefined;
  const actor = { id: '', name: 'platform', address: '', project: defaultProject };
  for (const { files, ...input } of await readExamples(packageRoot)) {
    try {
      const source = files === undefined ? undefined : ({ kind: 'inline', files } as const);
      const context = { actor, source: 'platform', signal: AbortSignal.timeout(60_000) } as const;
      await (await deployments.createFunction(input, source, context)).done;
      tryPath ??= exampleTryPath;
    } catch (error) {
      logger.warn({ err: error, example: input.name }, 'an example function was not deployed');
    }
  }
  return tryPath;
}

/** Reads the example functions from `examples/` of the package. */
async function readExamples(packageRoot: string): Promise<readonly CreateFunction[]> {
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
