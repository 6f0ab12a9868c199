import { SearchQuery } from '@codemirror/search';
import { EditorState } from '@codemirror/state';
import { describe, expect, it } from 'vitest';
import { matchesIn, matchText } from './search-matches.ts';

const said = (doc: string, spec: ConstructorParameters<typeof SearchQuery>[0], selected = 0, until = selected) => {
  const state = EditorState.create({ doc, selection: { anchor: selected, head: until } });
  const query = new SearchQuery(spec);
  return matchText(query, matchesIn(state, query));
};

describe('matches of a search', () => {
  it('are counted, and the one that is selected is named', () => {
    expect(said('one two one', { search: 'one' })).toBe('2 found');
    expect(said('one two one', { search: 'one' }, 8, 11)).toBe('2 of 2');
    expect(said('one two one', { search: 'three' })).toBe('No match');
    expect(said('One two one', { search: 'one', caseSensitive: true })).toBe('1 found');
    expect(said('one ones', { search: 'one', wholeWord: true })).toBe('1 found');
    expect(said('a1 b22', { search: '[a-z]\\d+', regexp: true })).toBe('2 found');
  });

  it('of nothing are not spoken of, and of what is no regular expression are none', () => {
    expect(said('one', { search: '' })).toBe('');
    expect(said('one', { search: '(', regexp: true })).toBe('Not a regular expression');
  });

  it('are counted to a thousand', () => {
    expect(said('x'.repeat(1000), { search: 'x' })).toBe('1000 found');
    expect(said('x'.repeat(1001), { search: 'x' })).toBe('1000+ found');
  });
});
