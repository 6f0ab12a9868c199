import { expect, it } from 'vitest';
import { instanceCounts } from './instance-counts.ts';

it('counts instances by what they do', () => {
  const states = ['busy', 'idle', 'busy', 'starting', 'draining', 'dead'];
  expect(instanceCounts(states.map((state) => ({ state })))).toEqual({ busy: 2, idle: 1, starting: 1, ending: 2 });
  expect(instanceCounts([])).toEqual({ busy: 0, idle: 0, starting: 0, ending: 0 });
});
