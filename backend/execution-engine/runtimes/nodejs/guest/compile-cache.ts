import { releaseCompilers } from './compilers.ts';

/** Where a bundle's image has what its Node compiled ahead: `<version>-<architecture>-<tag of V8>/`. */
const folder = '.hearth-compiled';

/**
 * Lets Node take what was compiled ahead in place of compiling, if the bundle has it for this very Node. Node looks in a folder that has
 * the number of the process's user in its name, so one with a link is made. Whatever fails, the sources are there.
 */
export function takeCompileCache(codeDirectory: string): void {
  const fs = process.getBuiltinModule('node:fs');
  if (!fs.existsSync(`${codeDirectory}/${folder}`)) return;
  // The tag and what was compiled are of the flags that functions run with.
  releaseCompilers();
  const tag = process.getBuiltinModule('node:v8').cachedDataVersionTag().toString(16).padStart(8, '0');
  const name = `${process.version}-${process.arch}-${tag}`;
  const compiled = `${codeDirectory}/${folder}/${name}`;
  if (!fs.existsSync(compiled)) return;
  try {
    const place = fs.mkdtempSync(`${process.env['TMPDIR'] ?? '/tmp'}/hearth-`);
    fs.symlinkSync(compiled, `${place}/${name}-${process.getuid?.()}`);
    process.getBuiltinModule('node:module').enableCompileCache?.(place);
  } catch {
    // No room in /tmp, for one.
  }
}
