import { expect, test } from 'vitest';
import { decodeStatus, endedForHeap } from './exit-status.ts';

test('statuses above 128 are signals, by their usual names', () => {
  expect(decodeStatus(3)).toEqual({ code: 3, signal: null });
  expect(decodeStatus(128 + 9)).toEqual({ code: null, signal: 'SIGKILL' });
  expect(decodeStatus(128 + 6)).toEqual({ code: null, signal: 'SIGABRT' });
  expect(decodeStatus(255)).toEqual({ code: 255, signal: null });
});

test('a full heap ends a process, unless it was removed in some other way meanwhile', () => {
  const [abort, kill] = [
    { code: null, signal: 'SIGABRT' },
    { code: null, signal: 'SIGKILL' },
  ];
  const ended = (ending: Parameters<typeof endedForHeap>[0]) => [
    endedForHeap(ending, undefined),
    endedForHeap(ending, 'it closed its channel'),
  ];
  expect(ended(abort)).toEqual([true, true]);
  expect(ended(kill)).toEqual([true, false]);
  expect(ended({ code: 1, signal: null })).toEqual([true, false]);
  expect(ended({ code: 0, signal: null })).toEqual([false, false]);
});
