import type { SearchQuery } from '@codemirror/search';
import type { EditorState } from '@codemirror/state';

/** Looking for more would make typing slow in a long file. */
const mostCounted = 1000;

export interface SearchMatches {
  readonly total: number;
  /** There are more than `total`. */
  readonly isMore: boolean;
  /** Which of them is selected, from 1; undefined: none of those that were counted. */
  readonly current: number | undefined;
}

/** How often the query is found in the text; none of a query that is empty, or no regular expression. */
export function matchesIn(state: EditorState, query: SearchQuery): SearchMatches {
  if (!query.valid) return { total: 0, isMore: false, current: undefined };
  const { from, to } = state.selection.main;
  const cursor = query.getCursor(state);
  let total = 0;
  let current: number | undefined;
  for (let next = cursor.next(); next.done !== true; next = cursor.next()) {
    if (total === mostCounted) return { total, isMore: true, current };
    total++;
    if (next.value.from === from && next.value.to === to) current = total;
  }
  return { total, isMore: false, current };
}

/** The same in words, beside the field. */
export function matchText({ search, valid }: Pick<SearchQuery, 'search' | 'valid'>, matches: SearchMatches): string {
  if (search === '') return '';
  if (!valid) return 'Not a regular expression';
  const { total, isMore, current } = matches;
  if (total === 0) return 'No match';
  const all = `${total}${isMore ? '+' : ''}`;
  return current === undefined ? `${all} found` : `${current} of ${all}`;
}
