/**
 * Builds what is stale into dist/: the in-sandbox agents, the platform, the CLI and the dashboard.
 * `node scripts/build.ts [guest|server|cli|dashboard …]`; all of them by default.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';
import { compressAssets } from './compress-assets.ts';

const root = join(import.meta.dirname, '..');

const external = ['better-sqlite3', 'esbuild', 'swagger-ui-dist'];
/**
 * What the server imports only when it is needed, and of each what it uses: bundled into files of their own, so that an idle platform does not
 * hold them. Their names stay, so that a platform that runs during a build can still load them.
 */
const loadedLater = { nodemailer: ['createTransport'], tar: ['Parser', 'create', 'extract'], yauzl: ['openPromise'] };

/**
 * What gets a file of its own beside main.mjs, each with what it needs. All that V8 makes of one file's text is there at once until the file is compiled, 16 MB
 * for the whole server, and malloc keeps the room for as long as the process lives. File after file takes the same room again.
 */
const serverParts = [
  'zod',
  'kysely',
  'fastify',
  '@fastify/static',
  'backend/api/server.ts',
  'backend/control-plane/control-plane.ts',
  'backend/database/sqlite/open-sqlite-store.ts',
  'backend/execution-engine/drivers/catalog.ts',
  'backend/execution-engine/pool/local-instance-pool.ts',
];

/** What dependencies of the server load and it never uses: texts of zod in fifty languages, YAML beside the JSON of OpenAPI. */
const leavesOut: Plugin = {
  name: 'leaves-out',
  setup: ({ onLoad, onResolve }) => {
    onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({ contents: 'export {};' }));
    onLoad({ filter: /node_modules\/yaml\/dist\/index\.js$/ }, () => ({ contents: 'module.exports = {};' }));
    onResolve({ filter: new RegExp(`^(${Object.keys(loadedLater).join('|')})$`) }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path: `./later/${path}.mjs`, external: true } : undefined,
    );
  },
};
/**
 * For `import`, Node reads every name of its module once, also those that load what is behind them when they are first read: with `node:http` all of
 * undici, 1.4 MB of an idle platform that never uses it. `require` reads none.
 */
const requiresModulesOfNode: Plugin = {
  name: 'requires-modules-of-node',
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^node:(fs|http|util)$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'required' } : undefined,
    );
    onLoad({ filter: /^/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require('${path}');`,
    }));
  },
};
/** Bundled CommonJS dependencies call `require`; an ES module has none of its own. */
const requireBanner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** Names stay as they are, so that stacks stay readable; blanks and comments would only take up memory, an agent's in every instance. */
const smaller = { minifyWhitespace: true, minifySyntax: true, legalComments: 'none' } as const;

interface Target {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly run: () => Promise<void>;
}

const forNode = { absWorkingDir: root, bundle: true, platform: 'node', target: 'node22', logLevel: 'warning' } as const;

/** Writes beside the output and renames, so that a running platform or test never sees half a file. */
async function bundle(options: BuildOptions & { outfile: string }): Promise<void> {
  const outfile = join(root, options.outfile);
  const temporary = `${outfile}.${process.pid}.tmp`;
  await mkdir(dirname(outfile), { recursive: true });
  await build({ ...forNode, ...options, outfile: temporary });
  // Comments may have what they like.
  if (options.minifyWhitespace === true) refuseWideText(outfile, await readFile(temporary, 'utf8'));
  if (existsSync(`${temporary}.map`)) await rename(`${temporary}.map`, `${outfile}.map`);
  await rename(temporary, outfile);
}

/** The same for an entry that is split into files: those that it begins with lie beside it, named by what is in them. Those of an earlier build are removed. */
async function bundleInParts(options: BuildOptions, entry: string, outfile: string, parts: readonly string[]) {
  const outdir = dirname(outfile);
  const partEntries = Object.fromEntries(parts.map((part, i) => [`part-${i}`, part]));
  const { outputFiles, metafile } = await build({
    ...forNode,
    ...options,
    entryPoints: { main: entry, ...partEntries },
    splitting: true,
    outdir,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunk-[hash]',
    write: false,
    metafile: true,
  });
  const used = filesFrom(metafile, outfile);
  await mkdir(join(root, outdir), { recursive: true });
  // The entry comes last in both: when it is there, so is what it imports.
  for (const path of [...used].reverse().flatMap((file) => [`${file}.map`, file])) {
    const file = outputFiles.find((output) => output.path === join(root, path));
    if (file === undefined) continue;
    if (!path.endsWith('.map')) refuseWideText(path, file.text);
    await writeFile(`${file.path}.${process.pid}.tmp`, file.contents);
    await rename(`${file.path}.${process.pid}.tmp`, file.path);
  }
  for (const name of readdirSync(join(root, outdir))) {
    const isOld = name.startsWith('chunk-') && !used.has(join(outdir, name.replace(/\.map$/, '')));
    if (isOld) await rm(join(root, outdir, name), { force: true });
  }
}

/** The output `entry` and all that it imports, itself first. */
function filesFrom({ outputs }: Metafile, entry: string): ReadonlySet<string> {
  const files = new Set([entry]);
  for (const file of files) {
    for (const { path, external } of outputs[file]?.imports ?? []) if (external !== true) files.add(path);
  }
  return files;
}

/** V8 holds a text with one character beyond Latin-1 in two bytes for each: 3.4 MB more for the server. esbuild writes such as escapes, but in regular expressions. */
function refuseWideText(path: string, text: string): void {
  const at = /\P{ASCII}/u.exec(text)?.index;
  if (at !== undefined)
    throw new Error(`${path} would not be ASCII; write it as an escape: ${text.slice(Math.max(0, at - 60), at + 20)}`);
}

const targets: Readonly<Record<string, Target>> = {
  guest: {
    inputs: [
      'backend/execution-engine/runtimes/nodejs/guest',
      'backend/execution-engine/runtimes/python/guest',
      'backend/execution-engine/runtimes/custom/guest',
      'backend/execution-engine/runtimes/image/guest',
      'scripts/build.ts',
    ],
    output: 'dist/guest/nodejs/agent.cjs',
    run: async () => {
      for (const runtime of ['nodejs', 'custom', 'image']) {
        await bundle({
          entryPoints: [`backend/execution-engine/runtimes/${runtime}/guest/agent.ts`],
          outfile: `dist/guest/${runtime}/agent.cjs`,
          format: 'cjs',
          ...smaller,
        });
      }
      await mkdir(join(root, 'dist/guest/python'), { recursive: true });
      const python = join(root, 'backend/execution-engine/runtimes/python/guest/agent.py');
      if (existsSync(python)) await copyFile(python, join(root, 'dist/guest/python/agent.py'));
    },
  },
  server: {
    inputs: ['backend', 'shared', 'package-lock.json', 'scripts/build.ts'],
    output: 'dist/server/main.mjs',
    run: async () => {
      const server: BuildOptions = {
        ...smaller,
        format: 'esm',
        sourcemap: true,
        external,
        banner: { js: requireBanner },
        plugins: [leavesOut, requiresModulesOfNode],
      };
      // The database's threads run a file of their own.
      await bundle({
        ...server,
        entryPoints: ['backend/database/sqlite/worker.ts'],
        outfile: 'dist/server/sqlite-worker.mjs',
      });
      await bundle({
        ...server,
        entryPoints: ['backend/gateway/fleet/process.ts'],
        outfile: 'dist/server/gateway.mjs',
      });
      for (const [name, exported] of Object.entries(loadedLater)) {
        const contents = `export { ${exported.join(', ')} } from '${name}';`;
        await bundle({ ...server, stdin: { contents, resolveDir: root }, outfile: `dist/server/later/${name}.mjs` });
      }
      await bundleInParts(server, 'backend/main.ts', 'dist/server/main.mjs', serverParts);
    },
  },
  cli: {
    inputs: ['cli', 'shared', 'package-lock.json'],
    output: 'dist/cli/main.mjs',
    run: () =>
      bundle({
        entryPoints: ['cli/main.ts'],
        outfile: 'dist/cli/main.mjs',
        format: 'esm',
        external,
        banner: { js: requireBanner },
      }),
  },
  dashboard: {
    inputs: ['frontend', 'shared', 'package-lock.json', 'scripts/build.ts', 'scripts/compress-assets.ts'],
    output: 'dist/dashboard/index.html',
    run: async () => {
      const vite = await import('vite');
      await vite.build({
        root: join(root, 'frontend'),
        configFile: join(root, 'frontend/vite.config.ts'),
        logLevel: 'warn',
      });
      compressAssets(join(root, 'dist/dashboard'));
    },
  },
};

function newest(path: string): number {
  const info = statSync(path);
  if (!info.isDirectory()) return info.mtimeMs;
  let latest = info.mtimeMs;
  for (const entry of readdirSync(path)) {
    if (entry !== 'node_modules' && !entry.endsWith('.test.ts')) latest = Math.max(latest, newest(join(path, entry)));
  }
  return latest;
}

function isStale(target: Target): boolean {
  const stamp = join(root, `${target.output}.stamp`);
  if (!existsSync(join(root, target.output)) || !existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  return target.inputs.some((input) => existsSync(join(root, input)) && newest(join(root, input)) > built);
}

/** Builds the named targets if their sources are newer than their output; returns the names that were built. */
export async function buildStale(names: readonly string[] = Object.keys(targets)): Promise<readonly string[]> {
  const built: string[] = [];
  for (const name of names) {
    const target = targets[name];
    if (target === undefined)
      throw new Error(`unknown build target ${name}; there are ${Object.keys(targets).join(', ')}`);
    if (!isStale(target)) continue;
    const startedAt = new Date();
    await target.run();
    const stamp = join(root, `${target.output}.stamp`);
    await rm(stamp, { force: true });
    await writeFile(stamp, startedAt.toISOString());
    await utimes(stamp, startedAt, startedAt);
    built.push(name);
  }
  return built;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const names = process.argv.slice(2);
  const built = await buildStale(names.length > 0 ? names : undefined);
  process.stdout.write(built.length > 0 ? `built ${built.join(', ')}\n` : 'everything is up to date\n');
}
