import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { BuildError } from '../../../shared/api/build-errors.ts';
import { PlatformError } from '../../../shared/errors.ts';
import type { EsbuildTransformer } from './esbuild-transformer.ts';
import { buildFailed } from './refusals.ts';

const versions = z.record(z.string(), z.string());
/** What the builder reads of a package.json; everything else is npm's and Node's matter. */
const packageSchema = z.object({
  type: z.enum(['module', 'commonjs']).optional(),
  dependencies: versions.optional(),
  optionalDependencies: versions.optional(),
  hearth: z.object({ bundle: z.boolean().optional() }).optional(),
});

export interface PackageManifest {
  readonly moduleType: 'module' | 'commonjs' | undefined;
  readonly hasDependencies: boolean;
  /** False with `"hearth": {"bundle": false}`: ship node_modules as npm laid them out. */
  readonly wantsBundle: boolean;
}

/** Reads the package.json at the bundle's root; defaults when there is none. Rejects with `build_failed` and the places at fault. */
export async function readPackageManifest(root: string, transformer: EsbuildTransformer): Promise<PackageManifest> {
  const text = await readFile(join(root, 'package.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw buildFailed(
      `package.json is not valid JSON: ${reason}`,
      [{ path: 'files.package.json', message: reason }],
      error,
      { buildErrors: await placesIn(text, transformer, reason) },
    );
  }
  const parsed = packageSchema.safeParse(json);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({
      path: `files.package.json.${issue.path.join('.')}`,
      message: issue.message,
    }));
    throw buildFailed(
      `package.json is not right: ${issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ')}`,
      issues,
      parsed.error,
      {
        buildErrors: issues.map(({ path, message }) =>
          wholeFile(`${path.slice('files.package.json.'.length)}: ${message}`),
        ),
      },
    );
  }
  const { type, dependencies, optionalDependencies, hearth } = parsed.data;
  return {
    moduleType: type,
    hasDependencies: Object.keys({ ...dependencies, ...optionalDependencies }).length > 0,
    wantsBundle: hearth?.bundle ?? true,
  };
}

const wholeFile = (text: string): BuildError => ({ file: 'package.json', line: null, column: null, text });

/** The place at which esbuild stops reading JSON, which it knows and V8 says for long texts only. */
async function placesIn(text: string, transformer: EsbuildTransformer, reason: string): Promise<unknown> {
  const failure = await transformer
    .transform(text, { loader: 'json', sourcefile: 'package.json' })
    .catch((error: unknown) => error);
  const places = failure instanceof PlatformError ? failure.detail['buildErrors'] : undefined;
  return places ?? [wholeFile(reason)];
}
