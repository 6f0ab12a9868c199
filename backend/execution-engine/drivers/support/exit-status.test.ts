import { expect, test } from 'vitest';
import { decodeStatus } from './exit-status.ts';

test('statuses above 128 are signals, by their usual names', () => {
  expect(decodeStatus(3)).toEqual({ code: 3, signal: null });
  expect(decodeStatus(128 + 9)).toEqual({ code: null, signal: 'SIGKILL' });
  expect(decodeStatus(128 + 6)).toEqual({ code: null, signal: 'SIGABRT' });
  expect(decodeStatus(255)).toEqual({ code: 255, signal: null });
});
