import { timeRangeOf } from './time-range.ts';

/** What the address of a page may say; the rest of it is none of ours. */
type Search = Readonly<Record<string, unknown>>;

const storageKey = 'hearth.range';

/** The time that was chosen goes with every link that does not say another; `undefined` says that there is none. */
export function keepRange({ search, next }: { readonly search: Search; readonly next: (search: Search) => Search }) {
  const result = next(search);
  return 'range' in result || search['range'] === undefined ? result : { ...result, range: search['range'] };
}

/** The query of an address that says no time, with the one of this tab; undefined where there is nothing to add. */
export function withTabRange(query: string, tab: Pick<Storage, 'getItem'>): string | undefined {
  const params = new URLSearchParams(query);
  const range = tab.getItem(storageKey);
  if (range === null || params.has('range')) return undefined;
  params.set('range', range);
  return `?${params}`;
}

/**
 * Remembers what the address says, for the next page of this tab that is opened by hand. Not a part of the past: who comes back to the tab later
 * looks for what is now.
 */
export function rememberRange(search: Search, tab: Pick<Storage, 'setItem' | 'removeItem'>): void {
  const range = search['range'];
  if (typeof range === 'string' && range !== '' && timeRangeOf(range).fixed === undefined)
    tab.setItem(storageKey, range);
  else tab.removeItem(storageKey);
}
