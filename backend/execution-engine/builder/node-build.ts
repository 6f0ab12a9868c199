import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { PlatformError } from '../../../shared/errors.ts';
import { exists } from '../../util/exists.ts';
import type { BuildContext, BuildTools, BundleRequest } from './build-context.ts';
import type { EsbuildTransformer } from './esbuild-transformer.ts';
import { npmPackages, writeRecord } from './installed-packages.ts';
import { type PackageManifest, readPackageManifest } from './package-manifest.ts';
import { buildFailed } from './refusals.ts';
import { standsAlone, usesModuleSyntax } from './source-imports.ts';
import { checkSyntax } from './syntax-check.ts';

/** In the order in which a handler's file is looked for, which is the Node agent's order. */
const javascriptExtensions = ['.js', '.mjs', '.cjs'] as const;
const compiledExtensions = ['.ts', '.mts', '.cts', '.tsx', '.jsx'] as const;

interface Entry {
  readonly path: string;
  readonly text: string;
  readonly isCompiled: boolean;
  readonly format: 'esm' | 'cjs';
}

export interface NodeBuildOptions {
  readonly tools: BuildTools;
  readonly transformer: EsbuildTransformer;
}

/**
 * 1. Plain JavaScript without dependencies is checked and shipped as it is.
 * 2. One TypeScript file that imports only Node's own modules is transformed in place.
 * 3. Otherwise dependencies are installed and everything is bundled into one file; when that cannot work (native addons,
 *    `"hearth": {"bundle": false}`, a package that esbuild cannot resolve) node_modules is shipped instead.
 * The result stands beside the sources as `<handler file>.mjs` or `.cjs`, with a source map that names the user's lines. What was installed, and a source
 * whose place the result took, are in `.hearth/` (core/build-record.ts).
 */
export class NodeBuild {
  readonly #tools: BuildTools;
  readonly #transformer: EsbuildTransformer;

  constructor(options: NodeBuildOptions) {
    this.#tools = options.tools;
    this.#transformer = options.transformer;
  }

  async run(context: BuildContext): Promise<void> {
    const manifest = await readPackageManifest(context.root, this.#transformer);
    const entry = await findEntry(context, manifest);
    const bringsModules = await exists(join(context.root, 'node_modules'));
    const installs = manifest.hasDependencies && !bringsModules;
    if (!installs && !entry.isCompiled) {
      context.log.begin('check');
      await checkSyntax(context.root, entry.path, this.#transformer);
      return;
    }
    if (!installs && standsAlone(entry.text)) {
      await this.#transform(context, entry);
      return;
    }
    if (installs) context.log.begin('install');
    const installed = installs ? await this.#tools.installNpm(context) : undefined;
    await this.#bundle(context, entry, manifest, installed);
  }

  async #transform(context: BuildContext, entry: Entry): Promise<void> {
    context.log.begin('compile');
    const output = outputPath(context, entry);
    const result = await this.#transformer.transform(entry.text, {
      sourcefile: entry.path,
      loader: loaderOf(entry.path),
      format: entry.format,
      platform: 'node',
      target: 'node22',
      keepNames: true,
      sourcemap: 'external',
      sourcesContent: true,
    });
    const map = JSON.parse(result.map) as { sources: string[] };
    map.sources = [basename(entry.path)];
    const comment = `//# sourceMappingURL=${basename(output)}.map\n`;
    await writeFile(join(context.root, output), result.code + comment);
    await writeFile(join(context.root, `${output}.map`), JSON.stringify(map));
    context.log.add(`compiled ${entry.path} to ${output}`);
  }

  async #bundle(
    context: BuildContext,
    entry: Entry,
    manifest: PackageManifest,
    installed: string | undefined,
  ): Promise<void> {
    context.log.begin('compile');
    const output = outputPath(context, entry);
    const request: BundleRequest = { entry: entry.path, output, format: entry.format, packages: 'bundle' };
    const addon = await findAddon(installed ?? join(context.root, 'node_modules'));
    if (manifest.wantsBundle && addon === undefined) {
      const bundled = await this.#tryBundle(context, request, installed !== undefined);
      if (bundled !== undefined) {
        // Left here, it would be found before the bundle.
        if (!entry.isCompiled && entry.path !== output) await rm(join(context.root, entry.path));
        if (installed !== undefined) await recordBundled(context, entry, installed, bundled.sizes);
        return;
      }
    } else {
      const reason = manifest.wantsBundle ? `${addon} is a native addon` : 'package.json asks for no bundle';
      context.log.add(`${reason}; shipping node_modules`);
    }
    if (entry.isCompiled) await this.#tools.bundle(context, { ...request, packages: 'external' });
    else await checkSyntax(context.root, entry.path, this.#transformer);
    if (installed === undefined) return;
    await this.#tools.keepPackages(context);
    await recordShipped(context, entry);
  }

  /** Undefined when it cannot be bundled, but shipped with its packages. */
  async #tryBundle(
    context: BuildContext,
    request: BundleRequest,
    hasFallback: boolean,
  ): Promise<{ readonly sizes: ReadonlyMap<string, number> | undefined } | undefined> {
    try {
      const sizes = await this.#tools.bundle(context, request);
      context.log.add(`bundled ${request.entry} to ${request.output}`);
      return { sizes };
    } catch (error) {
      if (!hasFallback || !(error instanceof PlatformError) || error.code !== 'build_failed') throw error;
      context.log.add('bundling failed; shipping node_modules as npm laid them out');
      return undefined;
    }
  }
}

async function findEntry(context: BuildContext, manifest: PackageManifest): Promise<Entry> {
  const { file } = context.handler;
  for (const extension of [...javascriptExtensions, ...compiledExtensions]) {
    const path = `${file}${extension}`;
    const absolute = join(context.root, path);
    if (!(await exists(absolute))) continue;
    const text = await readFile(absolute, 'utf8');
    const isCompiled = compiledExtensions.some((candidate) => candidate === extension);
    return { path, text, isCompiled, format: formatOf(extension, text, manifest) };
  }
  const names = await readdir(context.root, { recursive: true });
  const candidates = names
    .filter((name) => !name.includes('node_modules') && /\.[mc]?[jt]sx?$/.test(name) && !name.endsWith('.d.ts'))
    .sort()
    .slice(0, 10);
  const hint =
    candidates.length > 0
      ? `the bundle has ${candidates.join(', ')}; set handler to one of them, for example ${candidates[0]?.replace(/\.\w+$/, '')}.${context.handler.exportName}`
      : 'the bundle has no JavaScript or TypeScript file';
  throw buildFailed(`there is no ${file}.mjs, .cjs, .js or .ts for the handler; ${hint}`, [
    { path: 'handler', message: `no file ${file}.{mjs,cjs,js,ts}; ${hint}` },
  ]);
}

function formatOf(extension: string, text: string, manifest: PackageManifest): 'esm' | 'cjs' {
  if (extension.startsWith('.m')) return 'esm';
  if (extension.startsWith('.c')) return 'cjs';
  if (usesModuleSyntax(text)) return 'esm';
  return manifest.moduleType === 'module' ? 'esm' : 'cjs';
}

function outputPath(context: BuildContext, entry: Entry): string {
  return `${context.handler.file}${entry.format === 'esm' ? '.mjs' : '.cjs'}`;
}

/** What the result is made of stands in one place only, so the source of JavaScript is kept aside. */
async function recordBundled(
  context: BuildContext,
  entry: Entry,
  installed: string,
  sizes: ReadonlyMap<string, number> | undefined,
): Promise<void> {
  const packages = sizes === undefined ? null : await npmPackages(installed, sizes);
  await writeRecord(context.root, { made: outputsOf(context, entry), packages }, entry.isCompiled ? undefined : entry);
}

async function recordShipped(context: BuildContext, entry: Entry): Promise<void> {
  const packages = await npmPackages(join(context.root, 'node_modules'), undefined);
  const made = [...(entry.isCompiled ? outputsOf(context, entry) : []), 'node_modules/'];
  await writeRecord(context.root, { made, packages }, undefined);
}

function outputsOf(context: BuildContext, entry: Entry): string[] {
  const output = outputPath(context, entry);
  return [output, `${output}.map`];
}

function loaderOf(path: string): 'ts' | 'tsx' | 'jsx' {
  const extension = extname(path);
  if (extension === '.tsx') return 'tsx';
  return extension === '.jsx' ? 'jsx' : 'ts';
}

/** The first native addon below `directory`, or undefined. */
async function findAddon(directory: string): Promise<string | undefined> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const addon = entries.find((entry) => entry.isFile() && entry.name.endsWith('.node'));
  return addon === undefined ? undefined : `${basename(dirname(join(addon.parentPath, addon.name)))}/${addon.name}`;
}
