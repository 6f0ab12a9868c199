import type { Page } from './api.ts';

/** What every list shares whose pages are asked for one after the other, each with the cursor of the one before. */
export const byCursor = {
  initialPageParam: '',
  getNextPageParam: (page: Pick<Page<unknown>, 'nextCursor'>): string | undefined => page.nextCursor ?? undefined,
};

/** The part of a query that asks for the page after this cursor, or for the first one. */
export const after = (cursor: string): { readonly cursor?: string } => (cursor === '' ? {} : { cursor });
