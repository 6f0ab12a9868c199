import { z } from 'zod';
import { roles } from '../roles.ts';
import { nameSchema, pageOf, timeSchema } from './paging.ts';

export const projectSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  createdAt: timeSchema,
  contents: z
    .object({
      functions: z.number().int(),
      members: z.number().int(),
      tokens: z.number().int(),
      secrets: z.number().int(),
    })
    .nullable()
    .describe('How many there are of what belongs to it; null for callers who may not delete it.'),
});
export type ProjectDocument = z.infer<typeof projectSchema>;
export const projectPageSchema = pageOf(projectSchema);
export const createProjectSchema = z.strictObject({
  name: nameSchema.describe('Never changes, and is never given out again.'),
  description: z.string().max(2000).default(''),
});
export type CreateProject = z.input<typeof createProjectSchema>;
export const updateProjectSchema = z.strictObject({ description: z.string().max(2000) });

export const userNameSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._@+-]{0,126}$/,
    'lower-case letters, digits and . _ @ + -, 1 to 127, beginning with a letter or digit',
  );
const passwordSchema = z.string().min(10, 'at least 10 characters').max(256);
const identitySchema = z.strictObject({
  issuer: z.url().max(512).describe('Of an OpenID Connect provider.'),
  subject: z.string().min(1).max(255),
});
/** In a project, or in all of them: `*`. */
const roleSchema = z.strictObject({
  project: z.union([z.literal('*'), nameSchema]).describe('`*`: all projects, those to come included.'),
  role: z.enum(roles),
});

export const userSchema = z.object({
  id: z.string(),
  name: z.string(),
  isDisabled: z.boolean(),
  hasPassword: z.boolean(),
  identities: z.array(z.object({ issuer: z.string(), subject: z.string() })),
  roles: z.array(z.object({ project: z.string(), role: z.enum(roles) })),
  createdAt: timeSchema,
  updatedAt: timeSchema,
});
export type UserDocument = z.infer<typeof userSchema>;
export const userPageSchema = pageOf(userSchema);
export const createUserSchema = z.strictObject({
  name: userNameSchema.describe('What is typed at sign-in; never changes.'),
  password: passwordSchema.optional().describe('Without one nobody can sign in as this user.'),
  roles: z.array(roleSchema).max(200).default([]),
  identities: z.array(identitySchema).max(20).default([]),
});
export type CreateUser = z.input<typeof createUserSchema>;
export const updateUserSchema = z.strictObject({
  password: passwordSchema.optional().describe('A new one; ends all sessions of the user.'),
  isDisabled: z.boolean().optional().describe('A disabled user cannot sign in, and all sessions end.'),
  roles: z.array(roleSchema).max(200).optional().describe('Replaces all roles.'),
  identities: z.array(identitySchema).max(20).optional().describe('Replaces all identities.'),
});
export type UpdateUser = z.infer<typeof updateUserSchema>;

export const memberSchema = z.object({ name: z.string(), role: z.enum(roles) });
export type MemberDocument = z.infer<typeof memberSchema>;
export const memberPageSchema = pageOf(memberSchema);
export const putMemberSchema = z.strictObject({ role: z.enum(roles) });

export const signInSchema = z.strictObject({ user: z.string().min(1).max(127), password: z.string().min(1).max(256) });
export const signedInSchema = z.object({
  id: z.string(),
  token: z.string().describe('Shown once; send it as `Authorization: Bearer`.'),
  user: z.string(),
  expiresAt: timeSchema,
});
export const sessionSchema = z.object({
  id: z.string(),
  createdAt: timeSchema,
  expiresAt: timeSchema,
  address: z.string(),
  isCurrent: z.boolean(),
});
export const sessionPageSchema = pageOf(sessionSchema);
export const changePasswordSchema = z.strictObject({
  currentPassword: z.string().min(1).max(256),
  newPassword: passwordSchema,
});

export const auditVerdictSchema = z.object({
  isIntact: z.boolean(),
  entries: z.number().int().describe('Up to which the chain holds.'),
  head: z.string().describe('The hash of the last of them.'),
  brokenAt: z.string().nullable().describe('Id of the first entry that does not follow from the one before.'),
  reason: z.string().nullable(),
});
export type AuditVerdict = z.infer<typeof auditVerdictSchema>;
