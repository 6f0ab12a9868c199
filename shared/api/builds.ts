import { z } from 'zod';
import { buildErrorSchema } from './build-errors.ts';
import { pageOf, pageQuerySchema, timeSchema } from './paging.ts';

/** In the order in which they come; a build has those that it needs. */
const buildSteps = ['unpack', 'image', 'install', 'compile', 'check', 'compile-ahead', 'activate'] as const;
export type BuildStepName = (typeof buildSteps)[number];

const buildStates = ['queued', 'building', 'checking', 'ready', 'failed', 'cancelled'] as const;
export type BuildState = (typeof buildStates)[number];

/** What asked for a build, as far as it said so. */
const buildSources = ['api', 'cli', 'ci', 'dashboard', 'platform'] as const;
export type BuildSource = (typeof buildSources)[number];

/** On answers to deploys: the build's id. */
export const buildIdHeader = 'hearth-build-id';

const buildStepSchema = z.object({
  name: z
    .enum(buildSteps)
    .describe(
      '`unpack`: take the upload apart; `image`: find or pull a container image; `install`: npm or pip; `compile`: TypeScript and bundling; `check`: syntax, size, handler; `compile-ahead`: what the runtime would compile at a first start; `activate`: number, aliases, routes and schedules.',
    ),
  startedAt: timeSchema,
  finishedAt: timeSchema.nullable().describe('Null while it runs.'),
});
export type BuildStep = z.infer<typeof buildStepSchema>;

const buildFailureSchema = z.object({
  status: z.number().int().describe('Of the answer to whoever waited for it.'),
  code: z.string().describe('As in problem documents (docs/error-codes.md).'),
  message: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })),
  buildErrors: z.array(buildErrorSchema),
});
export type BuildFailure = z.infer<typeof buildFailureSchema>;

export const buildSchema = z.object({
  id: z.string(),
  functionName: z.string().describe('There may be no such function: its first build failed, or it runs.'),
  state: z.enum(buildStates).describe('`queued`: other builds run; `checking`: what was built is looked at.'),
  steps: z.array(buildStepSchema),
  createdAt: timeSchema,
  finishedAt: timeSchema.nullable(),
  createdBy: z.string(),
  source: z.enum(buildSources).describe('What sent it: the value of the header `hearth-client`, else `api`.'),
  message: z.string(),
  version: z.number().int().nullable().describe('What came of it.'),
  error: buildFailureSchema.nullable().describe('Why nothing came of it.'),
});
export type BuildDocument = z.infer<typeof buildSchema>;
export const buildPageSchema = pageOf(buildSchema);
export const buildsQuerySchema = pageQuerySchema.extend({
  function: z.string().max(63).optional(),
  withoutFunction: z
    .enum(['0', '1'])
    .optional()
    .describe('1: only of names that no function has, since their first build failed or runs; of each the newest.'),
});

/** Data of an event `line`; its id is `seq`. */
export const buildLineSchema = z.object({
  seq: z.number().int().describe('From 1, without gaps.'),
  step: z.enum(buildSteps).nullable().describe('Null: before the first step.'),
  at: timeSchema,
  text: z.string(),
});
export type BuildLine = z.infer<typeof buildLineSchema>;
export const buildLogSchema = z.object({ build: buildSchema, lines: z.array(buildLineSchema) });
export type BuildLogDocument = z.infer<typeof buildLogSchema>;
export const buildLogQuerySchema = z.object({
  follow: z
    .enum(['0', '1'])
    .optional()
    .describe('1: a stream of events `line`, `build` (it changed) and at last `end` (it is over).'),
});

/** Asks for 202 instead of an answer when the build is over. */
export const deployQuerySchema = z.object({
  wait: z.enum(['true', 'false']).optional().describe('`false`: as `Prefer: respond-async`.'),
});
