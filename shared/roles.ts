/** What people may be in a project, from the least to the most. */
export const roles = ['viewer', 'operator', 'developer', 'owner'] as const;
export type Role = (typeof roles)[number];
