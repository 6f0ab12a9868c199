import type { BuildError } from '../../shared/api/build-errors.ts';
import { counted } from './format.ts';

type Sources = Readonly<Record<string, unknown>>;

/** A build that failed, and what it was made of. */
export interface FailedBuild {
  readonly errors: readonly BuildError[];
  readonly files: Sources;
}

const byName = (files: Sources) => JSON.stringify(Object.keys(files).sort());

/** Whether the files are those that did not build. */
export function isSameBuild(failed: FailedBuild, files: Sources): boolean {
  return (
    byName(failed.files) === byName(files) && Object.keys(files).every((path) => files[path] === failed.files[path])
  );
}

/**
 * The errors that still say something: those of files that were not edited since. None once a file was added, removed or renamed, which may have
 * mended an import anywhere.
 */
export function errorsLeft(failed: FailedBuild, files: Sources): readonly BuildError[] {
  if (byName(failed.files) !== byName(files)) return [];
  return failed.errors.filter(({ file }) => files[file] === failed.files[file]);
}

/** `index.ts:3:5`, or the file alone where the place is not known. */
export function placeText({ file, line, column }: BuildError): string {
  return [file, line, column].filter((part) => part !== null).join(':');
}

/** What is read out when a build failed. */
export function announcementOf(errors: readonly BuildError[]): string {
  const [first] = errors;
  if (first === undefined) return '';
  const line = first.line === null ? '' : `, line ${first.line}`;
  return `The build found ${counted(errors.length, 'error')}${errors.length === 1 ? '' : '; the first'} in ${first.file}${line}: ${first.text}`;
}
