import { isBuiltin } from 'node:module';

const specifierPattern =
  /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+|\brequire\s*\(\s*)(?:'([^'\n]{1,512})'|"([^"\n]{1,512})"|`([^`$\n]{1,512})`)/g;

/** Literal module specifiers that look imported. A glance, not a parse: comments and strings count too, and nobody minds. */
export function findImports(text: string): readonly string[] {
  const found = new Set<string>();
  for (const match of text.matchAll(specifierPattern)) found.add(match[1] ?? match[2] ?? match[3] ?? '');
  return [...found];
}

export function isRelative(specifier: string): boolean {
  return specifier.startsWith('./') || specifier.startsWith('../');
}

/** Imports nothing but Node's own modules, so the file stands alone. */
export function standsAlone(text: string): boolean {
  return findImports(text).every((specifier) => isBuiltin(specifier));
}

const moduleSyntax =
  /^[ \t]*(?:import\s*(?:[\w*{'"]|type\b)|export\s+(?:default|const|let|var|function|async|class|type|interface|enum|abstract|declare)\b|export\s*[{*])/m;

/** Whether the text uses `import` or `export` statements. */
export function usesModuleSyntax(text: string): boolean {
  return moduleSyntax.test(text) || /\bimport\.meta\b/.test(text);
}
