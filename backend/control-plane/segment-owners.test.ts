import { expect, test } from 'vitest';
import { parseRoutePattern } from '../../shared/route-pattern.ts';
import { SegmentOwners } from './segment-owners.ts';

const pattern = (path: string) => parseRoutePattern(path);

test('a first segment is free for whoever has it, and for nobody else until its last route is gone', () => {
  const owners = new SegmentOwners();
  expect(owners.isFree(pattern('/shop'), 'b')).toBe(true);
  owners.add(pattern('/shop'), 'a');
  owners.add(pattern('/shop/:id'), 'a');
  expect(owners.isFree(pattern('/shop/x/*'), 'a')).toBe(true);
  expect(owners.isFree(pattern('/shop/x/*'), 'b')).toBe(false);
  expect(owners.isFree(pattern('/shops'), 'b')).toBe(true);
  owners.remove(pattern('/shop'), 'a');
  expect(owners.isFree(pattern('/shop'), 'b')).toBe(false);
  owners.remove(pattern('/shop/:id'), 'a');
  expect(owners.isFree(pattern('/shop'), 'b')).toBe(true);
});

test('nobody can take away what is of another project', () => {
  const owners = new SegmentOwners();
  owners.add(pattern('/shop'), 'a');
  for (const path of ['/shop', '/other', '/:any', '/']) owners.remove(pattern(path), 'b');
  expect(owners.isFree(pattern('/shop'), 'b')).toBe(false);
});

test.each(['/~acme/x', '/:any', '/*', '/'])('%s is nobody’s', (path) => {
  const owners = new SegmentOwners();
  owners.add(pattern(path), 'a');
  expect(owners.isFree(pattern(path), 'b')).toBe(true);
  owners.remove(pattern(path), 'a');
  expect(owners.isFree(pattern('/acme'), 'b')).toBe(true);
});
