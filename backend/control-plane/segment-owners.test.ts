import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRoutePattern } from '../../shared/route-pattern.ts';
import { cases } from '../../tests/support/fuzz.ts';
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

test('a path is free unless a route of another project that is there begins as it does, whatever came and went', () => {
  const path = fc
    .tuple(fc.constantFrom('shop', 'blog', '~acme', ':any', '*'), fc.constantFrom('', '/a', '/:id'))
    .map(([first, rest]) => (first === '*' ? '/*' : `/${first}${rest}`));
  const project = fc.constantFrom('a', 'b', 'c');
  const steps = fc.array(fc.record({ path, project, isAdded: fc.boolean() }), { maxLength: 24 });
  const first = (route: string) => route.split('/')[1] ?? '';
  const isCounted = (route: string) => /^[a-z]/.test(first(route));
  fc.assert(
    fc.property(steps, (list) => {
      const owners = new SegmentOwners();
      let routes: readonly { readonly path: string; readonly project: string }[] = [];
      for (const step of list) {
        const isFree = !routes.some(
          (route) => isCounted(step.path) && first(route.path) === first(step.path) && route.project !== step.project,
        );
        expect(owners.isFree(pattern(step.path), step.project)).toBe(isFree);
        const at = routes.findIndex((route) => route.path === step.path && route.project === step.project);
        if (step.isAdded && isFree) {
          owners.add(pattern(step.path), step.project);
          routes = [...routes, step];
        } else if (!step.isAdded && at >= 0) {
          owners.remove(pattern(step.path), step.project);
          routes = routes.toSpliced(at, 1);
        }
      }
    }),
    cases(),
  );
});
