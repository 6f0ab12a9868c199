import { PlatformError } from '../../shared/errors.ts';
import type { Page } from '../core/ports/store.ts';

const maxCursorChars = 512;

/** An opaque cursor: the sort key of the last item of a page. `kind` keeps the cursors of different lists apart. */
export function encodeCursor(kind: string, key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([kind, ...key])).toString('base64url');
}

/**
 * The sort key in a cursor, checked against `shape` ('s' for a string, 'n' for a whole number); undefined without one.
 * Rejects everything that `encodeCursor` did not make with `invalid_request`/`bad_cursor`.
 */
export function decodeCursor(
  kind: string,
  shape: readonly ('s' | 'n')[],
  cursor: string | undefined,
): readonly (string | number)[] | undefined {
  if (cursor === undefined) return undefined;
  const bad = () =>
    new PlatformError('invalid_request', 'bad_cursor', 'This cursor does not belong to this list; start without one.', {
      issues: [{ path: 'cursor', message: 'not a cursor of this list' }],
    });
  if (cursor.length > maxCursorChars) throw bad();
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw bad();
  }
  if (!Array.isArray(parsed) || parsed.length !== shape.length + 1 || parsed[0] !== kind) throw bad();
  const key: unknown[] = parsed.slice(1);
  const fits = key.every((part, i) => (shape[i] === 's' ? typeof part === 'string' : Number.isSafeInteger(part)));
  if (!fits) throw bad();
  return key as (string | number)[];
}

/** A page out of `limit + 1` rows: one more than asked for tells whether there is a next page. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
  cursorOf: (row: Row) => string,
): Page<Item> {
  const last = rows[limit - 1];
  return {
    items: rows.slice(0, limit).map(toItem),
    nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null,
  };
}
