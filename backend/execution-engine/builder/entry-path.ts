import { entryRefused } from './refusals.ts';
import type { UnpackLimits } from './unpack-limits.ts';

const maxSegmentBytes = 255;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const controlCharacter = /[\u0000-\u001f\u007f]/;

/**
 * Turns the name of an archive entry or inline file into a path relative to the bundle: forward slashes, no `.` or `..`,
 * no leading slash. Whatever could mean another place on any system is refused, never repaired: a repaired path is one
 * that the uploader did not see. A leading `./` and a trailing slash (a directory) are usual in tar files and are dropped.
 */
export function parseEntryPath(name: string, limits: Pick<UnpackLimits, 'maxPathBytes' | 'maxDepth'>): string {
  if (name === '') throw entryRefused(name, 'has no name; rename the file');
  if (!name.isWellFormed()) throw entryRefused(name, 'is not valid Unicode; rename the file');
  if (controlCharacter.test(name)) {
    throw entryRefused(name, 'contains a control character; rename the file');
  }
  if (name.includes('\\')) {
    throw entryRefused(name, 'contains a backslash; use forward slashes in paths');
  }
  if (name.startsWith('/')) throw entryRefused(name, 'is an absolute path; use paths relative to the bundle');
  if (/^[./]*[A-Za-z]:/.test(name))
    throw entryRefused(name, 'starts with a drive letter; use paths relative to the bundle');
  if (Buffer.byteLength(name) > limits.maxPathBytes) {
    throw entryRefused(name, `is longer than ${limits.maxPathBytes} bytes; use shorter names`);
  }
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) {
    throw entryRefused(name, 'points outside the bundle (".."); pack the archive from the folder with the code');
  }
  if (segments.length > limits.maxDepth) {
    throw entryRefused(name, `is nested deeper than ${limits.maxDepth} folders; flatten the folders`);
  }
  if (segments.some((segment) => Buffer.byteLength(segment) > maxSegmentBytes)) {
    throw entryRefused(name, `has a part longer than ${maxSegmentBytes} bytes; use shorter names`);
  }
  return segments.join('/');
}
