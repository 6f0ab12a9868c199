import { z } from 'zod';
import { nameSchema, pageOf, pageQuerySchema, timeSchema } from './paging.ts';

const moveKinds = ['deploy', 'create', 'promote', 'rollback', 'split', 'abort', 'delete'] as const;
export type MoveKind = (typeof moveKinds)[number];

const sharesSchema = z.array(z.object({ version: z.number().int(), weight: z.number() }));

const aliasMoveSchema = z.object({
  id: z.string(),
  alias: z.string(),
  kind: z
    .enum(moveKinds)
    .describe(
      '`deploy`: to a new version, with its deployment; `split`: shared among several versions, as for a canary; `rollback`: whole to a version older than one that had a share; `promote`: whole to any other; `abort`: the platform took a canary back.',
    ),
  before: sharesSchema.describe('Empty: the alias was not there.'),
  after: sharesSchema.describe('Empty: the alias was deleted.'),
  by: z.string(),
  reason: z
    .string()
    .describe('The message of the move or of the version, or why a canary was taken back; may be empty.'),
  at: timeSchema,
});
export type AliasMove = z.infer<typeof aliasMoveSchema>;
export const aliasMovePageSchema = pageOf(aliasMoveSchema);
export const aliasMovesQuerySchema = pageQuerySchema.extend({ alias: nameSchema.optional() });
