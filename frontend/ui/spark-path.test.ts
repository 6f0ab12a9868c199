import { describe, expect, it } from 'vitest';
import { sparkPath } from './spark-path.ts';

describe('sparkPath', () => {
  it('goes from the left to the right edge, the highest value at the top', () => {
    expect(sparkPath([0, 10], 100, 23).line).toBe('M0,21.5L100,1.5');
  });

  it('breaks the line where nothing is known', () => {
    expect(sparkPath([1, null, 1], 10, 20).line.match(/M/g)).toHaveLength(2);
  });

  it('makes a dot of a point between gaps', () => {
    expect(sparkPath([null, 4, null], 10, 20).line).toBe('M5,1.5L5,1.5');
  });

  it('lies flat when everything is zero, and is empty without values', () => {
    expect(sparkPath([0, 0], 10, 20).line).toBe('M0,18.5L10,18.5');
    expect(sparkPath([], 10, 20)).toEqual({ line: '', area: '' });
    expect(sparkPath([null], 10, 20)).toEqual({ line: '', area: '' });
  });
});
