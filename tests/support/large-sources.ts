/** A module of some 180 KB, large enough to be compiled ahead. Its handler answers with where its Node found what was compiled, or null. */
export function largeModule(format: 'esm' | 'cjs'): string {
  const bodies = Array.from({ length: 3000 }, (_, i) => `function f${i}(a) { return a + ${i} + 'the text of f${i}'; }`);
  // Would betray itself if the build ran it.
  const sideEffect = "process.getBuiltinModule('node:fs').writeFileSync('/build/out/ran', 'x');";
  const exported = format === 'esm' ? 'export const handler = ' : 'exports.handler = ';
  // What nobody refers to is not compiled at all.
  const all = `globalThis.all = [${bodies.map((_, i) => `f${i}`).join()}];`;
  return `${bodies.join('\n')}\n${all}\n${sideEffect}\n${exported}async () => [f1(1), process.getBuiltinModule('node:module').getCompileCacheDir() ?? null];\n`;
}

/** As `largeModule` without what it does when it is loaded, so that it loads in instances as well. */
export function loadableModule(): string {
  return largeModule('esm').replace(/process\.getBuiltinModule\('node:fs'\)[^\n]*\n/, '\n');
}

/** A Python module of some 20 KB. */
export const largePython = Array.from({ length: 600 }, (_, i) => `def f${i}(a):\n    return a + ${i}\n`).join('');
