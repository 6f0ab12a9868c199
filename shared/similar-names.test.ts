import { expect, it } from 'vitest';
import { similarNames } from './similar-names.ts';

it('finds names that one or two slips turn into what was typed, the nearest first', () => {
  const names = ['greeter', 'greeters', 'orders', 'api'];
  expect(similarNames('gretter', names)).toEqual(['greeter', 'greeters']);
  expect(similarNames('rgeeter', names)).toEqual(['greeter', 'greeters']);
  expect(similarNames('odrers', names)).toEqual(['orders']);
  expect(similarNames('apo', names)).toEqual(['api']);
  expect(similarNames('apiary', names)).toEqual([]);
  expect(similarNames('shop', [])).toEqual([]);
});
