import { describe, expect, it } from 'vitest';
import { mayHaveLateLines } from './late-lines.ts';

const finishedAt = '2026-05-01T10:00:00.000Z';
const at = (seconds: number) => Date.parse(finishedAt) + seconds * 1000;

describe('log lines that come after the call', () => {
  it.each([
    [finishedAt, at(0), true],
    [finishedAt, at(9.9), true],
    [finishedAt, at(-2), true],
    [finishedAt, at(10), false],
    [finishedAt, at(-3600), false],
    [null, at(0), false],
  ] as const)('of a call that ended at %s may be on their way at %i: %s', (ended, now, expected) => {
    expect(mayHaveLateLines({ finishedAt: ended }, now)).toBe(expected);
  });
});
