import { z } from 'zod';
import { nameSchema, pageOf, timeSchema } from './paging.ts';

const roles = ['viewer', 'operator', 'developer', 'owner'] as const;
export type Role = (typeof roles)[number];

export const projectSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  createdAt: timeSchema,
});
export type ProjectDocument = z.infer<typeof projectSchema>;
export const projectPageSchema = pageOf(projectSchema);
export const createProjectSchema = z.strictObject({
  name: nameSchema.describe('Never changes, and is never given out again.'),
  description: z.string().max(2000).default(''),
});
export type CreateProject = z.input<typeof createProjectSchema>;
export const updateProjectSchema = z.strictObject({ description: z.string().max(2000) });
