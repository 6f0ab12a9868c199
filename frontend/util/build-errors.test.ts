import { describe, expect, it } from 'vitest';
import { announcementOf, errorsLeft, isSameBuild, placeText } from './build-errors.ts';

const a = { file: 'a.ts', line: 3, column: 5, text: 'no' } as const;
const b = { file: 'lib/b.ts', line: 1, column: 1, text: 'neither' } as const;
const packages = { file: 'node_modules/x/index.js', line: 1, column: 1, text: 'nor this' } as const;
const whole = { file: 'package.json', line: null, column: null, text: 'name: expected a string' } as const;
const files = { 'a.ts': 'a', 'lib/b.ts': 'b', 'package.json': '{}' };
const failed = { errors: [a, b, packages, whole], files };

describe('errors of a build', () => {
  it('go with the file that is edited, and come back with its text', () => {
    expect(errorsLeft(failed, { ...files })).toEqual([a, b, packages, whole]);
    expect(errorsLeft(failed, { ...files, 'a.ts': 'edited' })).toEqual([b, packages, whole]);
  });

  it('all go when a file comes, goes or is renamed', () => {
    const { 'a.ts': text, ...others } = files;
    expect(errorsLeft(failed, others)).toEqual([]);
    expect(errorsLeft(failed, { ...others, 'c.ts': text })).toEqual([]);
    expect(errorsLeft(failed, { ...files, 'c.ts': '' })).toEqual([]);
  });

  it('belong to the same build whatever the order of its files', () => {
    const { 'a.ts': text, ...others } = files;
    expect(isSameBuild(failed, { ...others, 'a.ts': text })).toBe(true);
    expect(isSameBuild(failed, { ...files, 'a.ts': 'edited' })).toBe(false);
    expect(isSameBuild(failed, others)).toBe(false);
  });

  it('are said with their place', () => {
    expect([a, whole].map(placeText)).toEqual(['a.ts:3:5', 'package.json']);
    expect(announcementOf([])).toBe('');
    expect(announcementOf([a])).toBe('The build found 1 error in a.ts, line 3: no');
    expect(announcementOf([whole, a])).toBe(
      'The build found 2 errors; the first in package.json: name: expected a string',
    );
  });
});
