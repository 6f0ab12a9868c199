import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildContext, BuildTools } from './build-context.ts';
import { pipPackages, writeRecord } from './installed-packages.ts';

/** Installs requirements.txt into `site-packages/` of the bundle, which the Python agent has on its path. Sources are shipped as they are. */
export async function buildPython(context: BuildContext, tools: BuildTools): Promise<void> {
  const text = await readFile(join(context.root, 'requirements.txt'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const asksForSomething = text.split('\n').some((line) => line.trim() !== '' && !line.trim().startsWith('#'));
  if (!asksForSomething) return;
  context.log.begin('install');
  await tools.installPip(context);
  const packages = await pipPackages(join(context.root, 'site-packages'));
  await writeRecord(context.root, { made: ['site-packages/'], packages }, undefined);
}
