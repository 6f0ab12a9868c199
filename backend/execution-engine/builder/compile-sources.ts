/** Where the programs below write to, inside the build sandbox. */
export const compilerOutput = '/build/out';

/**
 * Fills Node's compile cache with the files in its arguments without running them. CommonJS by `--check`, which compiles as `require` would. ES
 * modules are imported by a module that cannot be linked, for it also wants what nobody exports: by then all are compiled, and none has run.
 */
export const compileNodeSource = `
import { spawnSync } from 'node:child_process';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { pathToFileURL } from 'node:url';
const output = '${compilerOutput}';
const files = process.argv.slice(1);
for (const file of files.filter((name) => !name.endsWith('.mjs'))) {
  spawnSync(process.execPath, ['--check', file], { env: { ...process.env, NODE_COMPILE_CACHE: output }, stdio: 'ignore' });
}
enableCompileCache(output);
for (const file of files.filter((name) => !name.endsWith('.cjs'))) {
  const url = JSON.stringify(pathToFileURL(file).href);
  const importer = 'import ' + url + '; import { absent } from "data:text/javascript,";';
  await import('data:text/javascript,' + encodeURIComponent(importer)).catch(() => undefined);
}
flushCompileCache();
`;

/**
 * Compiles every source of the bundle. Unchecked: instances compare no times, which a read-only bundle need not, and the same source makes the same
 * file. Sources that this Python cannot compile are left to fail where they are imported.
 */
export const compilePythonSource = `
import compileall, py_compile, sys
sys.pycache_prefix = '${compilerOutput}'
compileall.compile_dir('/app', quiet=2, force=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
`;
