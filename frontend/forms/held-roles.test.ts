import { describe, expect, test } from 'vitest';
import { areSameRoles, freeProjects, type HeldRoles, withoutProject, withRole } from './held-roles.ts';

const held: HeldRoles = [
  { project: 'acme', role: 'viewer' },
  { project: 'shop', role: 'owner' },
];

describe('roles of a user', () => {
  test('one role in a project: another takes its place, a first one comes last', () => {
    expect(withRole(held, 'acme', 'developer')).toEqual([{ project: 'acme', role: 'developer' }, held[1]]);
    expect(withRole(held, '*', 'viewer')).toEqual([...held, { project: '*', role: 'viewer' }]);
  });

  test('are taken away by project', () => {
    expect(withoutProject(held, 'acme')).toEqual([held[1]]);
    expect(withoutProject(held, 'other')).toEqual(held);
  });

  test('are offered where there is none yet, in all projects too', () => {
    expect(freeProjects(held, ['acme', 'default', 'shop'])).toEqual(['*', 'default']);
    expect(freeProjects([{ project: '*', role: 'owner' }], ['acme'])).toEqual(['acme']);
  });

  test('are the same in another order, and not with another role', () => {
    expect(areSameRoles(held, held.toReversed())).toBe(true);
    expect(areSameRoles(held, withRole(held, 'acme', 'owner'))).toBe(false);
    expect(areSameRoles(held, withoutProject(held, 'acme'))).toBe(false);
  });
});
