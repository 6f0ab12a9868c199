import { describe, expect, it } from 'vitest';
import { answersHttp } from './test-kind.ts';

describe('the first test of a function', () => {
  it.each([
    ['export default { async fetch(request) {} }', true],
    ['export default {\n  fetch: app.fetch,\n};', true],
    ['export default async function fetch(request) {}', true],
    ['export const handler = async () => fetch("x");', false],
    ['export default async () => 1;\nfetch("x")', false],
  ])('%j answers HTTP: %j', (source, expected) => expect(answersHttp([], [source])).toBe(expected));
  it('is that of a function with routes', () => expect(answersHttp([{}], [''])).toBe(true));
});
