import { z } from 'zod';
import { type EgressRefusalReason, egressRefusalReasons } from '../egress.ts';
import { timeSchema } from './paging.ts';

/** The most that one answer has. */
export const maxEgressRefusals = 100;

const refusalSchema = z.object({
  host: z
    .string()
    .describe(
      '`host:port` as the function asked for it; `*` for those beyond the hundred that are told apart in an hour.',
    ),
  reason: z.enum(Object.keys(egressRefusalReasons) as [EgressRefusalReason, ...EgressRefusalReason[]]),
  message: z.string().describe('The reason in words.'),
  count: z
    .number()
    .int()
    .describe(
      'With `egress: "all"`, whose firewall drops packets: times that it was seen to, at most one in 5 s per instance.',
    ),
  version: z.number().int().describe('The version that tried last.'),
  firstAt: timeSchema,
  lastAt: timeSchema,
});
export type EgressRefusalDocument = z.infer<typeof refusalSchema>;

/** Attempts of a function to reach what it may not. */
export const egressRefusalsSchema = z.object({
  items: z.array(refusalSchema).describe(`The ${maxEgressRefusals} that were tried last, the newest first.`),
});
export type EgressRefusalList = z.infer<typeof egressRefusalsSchema>;
