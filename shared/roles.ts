/** What people may be in a project, from the least to the most. */
export const roles = ['viewer', 'operator', 'developer', 'owner'] as const;
export type Role = (typeof roles)[number];

/** What a token may be good for, from the least to the most; `invoke` and `read` are different halves of `deploy`. */
export const tokenScopes = ['read', 'invoke', 'deploy', 'admin'] as const;
export type TokenScope = (typeof tokenScopes)[number];
