import type { UserDocument } from '../../shared/api/access.ts';
import type { Role } from '../../shared/roles.ts';

export type HeldRoles = UserDocument['roles'];

/** All projects, those to come included. */
export const allProjects = '*';

/** How a project is called where roles are shown. */
export const projectLabel = (project: string): string => (project === allProjects ? 'all projects' : project);

/** With this role in the project, in the place of the one before if there was one. */
export function withRole(held: HeldRoles, project: string, role: Role): HeldRoles {
  if (!held.some((item) => item.project === project)) return [...held, { project, role }];
  return held.map((item) => (item.project === project ? { project, role } : item));
}

export const withoutProject = (held: HeldRoles, project: string): HeldRoles =>
  held.filter((item) => item.project !== project);

/** Where the user has no role yet: all projects first, as it is the largest. */
export const freeProjects = (held: HeldRoles, projects: readonly string[]): readonly string[] =>
  [allProjects, ...projects].filter((project) => !held.some((item) => item.project === project));

/** Whether both say the same, in whatever order. */
export function areSameRoles(a: HeldRoles, b: HeldRoles): boolean {
  const text = (held: HeldRoles) =>
    held
      .map(({ project, role }) => `${project}=${role}`)
      .sort()
      .join(' ');
  return text(a) === text(b);
}
