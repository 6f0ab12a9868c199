import { readFile, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Script } from 'node:vm';
import type { EsbuildTransformer } from './esbuild-transformer.ts';
import { findImports, isRelative } from './source-imports.ts';

const maxFiles = 200;
const maxFileBytes = 2 * 1024 * 1024;
/** The expressions below look at most 500 characters ahead from each line; larger files go to esbuild at once. */
const maxGlanceChars = 256 * 1024;

/**
 * Whether V8 parses the file, without running it. Module statements are cut to something that a script may contain, because V8
 * offers no way to parse a module alone; "no" therefore only means "ask esbuild". It decides nearly every file in well under a
 * millisecond, where starting esbuild costs 50.
 */
function parsesInV8(text: string): boolean {
  if (text.length > maxGlanceChars) return false;
  const script = text
    .replace(/^#!.*/, '')
    .replace(/^[ \t]*import\s+[\w*{][^;'"]{0,500}?from\s*(['"])[^'"\n]*\1[ \t]*;?/gm, '')
    .replace(/^[ \t]*import\s*(['"])[^'"\n]*\1[ \t]*;?/gm, '')
    .replace(/^[ \t]*export\s*(?:\*|\{[^}]{0,500}\})[^;\n]{0,500};?/gm, '')
    .replace(/^([ \t]*)export\s+default\s+(?=(?:async\s+)?(?:function|class)\b)/gm, '$1void ')
    .replace(/^([ \t]*)export\s+default\b/gm, '$1void')
    .replace(/^([ \t]*)export\s+(?=(?:const|let|var|function|async|class)\b)/gm, '$1')
    .replaceAll('import.meta', '({})');
  try {
    new Script(`(async function () {${script}\n})`);
    return true;
  } catch {
    return false;
  }
}

/** Checks the entry and the files that it reaches by literal relative imports. Rejects with `build_failed` and the place. */
export async function checkSyntax(root: string, entry: string, transformer: EsbuildTransformer): Promise<void> {
  const queue = [entry];
  const seen = new Set(queue);
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const absolute = join(root, path);
    const info = await stat(absolute).catch(() => undefined);
    if (info === undefined || !info.isFile() || info.size > maxFileBytes) continue;
    const text = await readFile(absolute, 'utf8');
    if (!parsesInV8(text)) await transformer.transform(text, { loader: 'js', sourcefile: path });
    for (const specifier of findImports(text)) {
      const target = posix.join(posix.dirname(path), specifier);
      if (!isRelative(specifier) || target.startsWith('..') || !/\.[mc]?js$/.test(target)) continue;
      if (seen.has(target) || seen.size >= maxFiles) continue;
      seen.add(target);
      queue.push(target);
    }
  }
}
