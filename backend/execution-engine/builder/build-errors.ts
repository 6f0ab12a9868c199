import { lstat, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { BuildError } from '../../../shared/api/build-errors.ts';
import type { PlatformError } from '../../../shared/errors.ts';
import { buildFailed } from './refusals.ts';

/** More are in the log. */
const maxErrors = 20;
const maxTextChars = 1000;
const maxSourceBytes = 2 * 1024 * 1024;

/** A place as esbuild has it: lines from 1, columns from 0 in bytes of UTF-8. */
export interface EsbuildError {
  readonly file: string;
  readonly line: number;
  readonly byteColumn: number;
  readonly text: string;
}

/** `file:line:column: text`, as compilers say it. */
export function headlineOf({ file, line, column, text }: BuildError): string {
  return line === null ? `${file}: ${text}` : `${file}:${line}:${column ?? 1}: ${text}`;
}

/** The column, from 1 in UTF-16 code units, of a byte of a line of UTF-8. */
export function columnOf(lineText: string, byteColumn: number): number {
  return Buffer.from(lineText).subarray(0, byteColumn).toString().length + 1;
}

/** 422 with the places as they are. `message` is for people who see no list; it begins with the first place when it is left out. */
export function sourcesRefused(errors: readonly BuildError[], message?: string, cause?: unknown): PlatformError {
  const shown = errors.slice(0, maxErrors).map((error) => ({ ...error, text: error.text.slice(0, maxTextChars) }));
  const issues = shown.map((error) => ({ path: 'files', message: headlineOf(error) }));
  return buildFailed(message ?? issues.map((issue) => issue.message).join('\n'), issues, cause, { buildErrors: shown });
}

/**
 * What esbuild's own program wrote about errors (esbuild 0.28, without colours):
 *
 *     ✘ [ERROR] Could not resolve "./gone.ts"
 *
 *         index.ts:1:7:
 *           1 │ import './gone.ts';
 *             ╵        ~~~~~~~~~~~
 *
 * Those without a place, warnings, and the notes below an error are left out.
 */
export function parseEsbuildLog(lines: readonly string[]): readonly EsbuildError[] {
  const errors: EsbuildError[] = [];
  let text: string | undefined;
  for (const line of lines) {
    const head = /^(?:\u2718|X) \[(\w+)\] (.*)$/.exec(line) ?? /^\u25b2 \[(\w+)\] (.*)$/.exec(line);
    if (head !== null) {
      text = head[1] === 'ERROR' ? head[2] : undefined;
      continue;
    }
    const place = /^ {4}(\S.*):(\d+):(\d+):$/.exec(line);
    if (text === undefined || place === null) continue;
    const [, file = '', number, byteColumn] = place;
    errors.push({ file, line: Number(number), byteColumn: Number(byteColumn), text });
    text = undefined;
    if (errors.length === maxErrors) break;
  }
  return errors;
}

/** The same places in the words of the API. Columns are counted in the files of `root`; those of other files, such as packages, stay bytes. */
export async function placedIn(root: string, errors: readonly EsbuildError[]): Promise<readonly BuildError[]> {
  const sources = new Map<string, Promise<readonly string[]>>();
  const placed: BuildError[] = [];
  for (const { file, line, byteColumn, text } of errors) {
    const source = sources.get(file) ?? linesOf(root, file);
    sources.set(file, source);
    const lineText = (await source)[line - 1];
    const column = lineText === undefined ? byteColumn + 1 : columnOf(lineText, byteColumn);
    placed.push({ file, line, column, text });
  }
  return placed;
}

/** None of a file that is not in the bundle. */
async function linesOf(root: string, file: string): Promise<readonly string[]> {
  const path = posix.normalize(file);
  if (posix.isAbsolute(path) || path.startsWith('..')) return [];
  const absolute = join(root, path);
  const info = await lstat(absolute).catch(() => undefined);
  if (info === undefined || !info.isFile() || info.size > maxSourceBytes) return [];
  return (await readFile(absolute, 'utf8')).split(/\r\n|[\n\r\u2028\u2029]/);
}
