import { expect, it } from 'vitest';
import { errorStory } from './error-story.ts';

it.each([
  [
    'still there',
    { firstVersion: 12, lastVersion: 14, liveVersion: 14, versions: [13, 14] },
    'still in v14, live',
    true,
  ],
  [
    'of a canary too',
    { firstVersion: 12, lastVersion: 15, liveVersion: 14, versions: [14, 15] },
    'still in v14, live',
    true,
  ],
  [
    'gone',
    { firstVersion: 12, lastVersion: 13, liveVersion: 14, versions: [] },
    'not seen since v13; v14 is live',
    false,
  ],
  [
    'rolled back',
    { firstVersion: 15, lastVersion: 15, liveVersion: 14, versions: [15] },
    'not seen since v15; v14 is live',
    false,
  ],
  ['quiet', { firstVersion: 1, lastVersion: 1, liveVersion: 1, versions: [] }, 'in v1, live, not for a day', false],
  ['of a function that is gone', { firstVersion: 1, lastVersion: 1, liveVersion: null, versions: [1] }, '', false],
] as const)('says of an error that is %s', (_what, group, now, isInLive) => {
  expect(errorStory({ ...group, versions: [...group.versions] })).toEqual({
    beginning: `introduced in v${group.firstVersion}`,
    now,
    isInLive,
  });
});

it('says nothing of a beginning that nobody knows', () => {
  expect(errorStory({ firstVersion: null, lastVersion: 2, liveVersion: 2, versions: [2] }).beginning).toBe('');
});
