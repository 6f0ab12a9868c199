import { PlatformError } from '../../shared/errors.ts';
import type { Page, PageRequest } from '../core/ports/store.ts';

/** A page of a list that is in memory. `keyOf` is unique and is the order; the cursor holds the last key. */
export function pageInMemory<T>(items: readonly T[], keyOf: (item: T) => string, page: PageRequest): Page<T> {
  const sorted = items.map((item) => ({ key: keyOf(item), item })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const after = page.cursor === undefined ? undefined : decodeCursor(page.cursor);
  const rest = after === undefined ? sorted : sorted.filter(({ key }) => key > after);
  const shown = rest.slice(0, page.limit);
  const last = rest.length > shown.length ? shown.at(-1) : undefined;
  return { items: shown.map(({ item }) => item), nextCursor: last === undefined ? null : encodeCursor(last.key) };
}

const encodeCursor = (key: string) => Buffer.from(JSON.stringify([key])).toString('base64url');

function decodeCursor(cursor: string): string {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value) && value.length === 1 && typeof value[0] === 'string') return value[0];
  } catch {
    // Falls through: anything that is not a cursor of ours is answered in the same way.
  }
  throw new PlatformError('invalid_request', 'bad_cursor', 'this is no cursor; use `nextCursor` of the page before');
}
