import { z } from 'zod';

const headerSchema = z.object({ name: z.string(), value: z.string() });
const bodySchema = {
  body: z.string().describe('Text, or base64 of what is no text.'),
  isBase64Encoded: z.boolean(),
};

/** Why a request that was kept cannot be replayed. */
const replayObstacles = ['request_cut', 'request_masked'] as const;
export type ReplayObstacle = (typeof replayObstacles)[number];

/** What was kept of a call over HTTP: docs/payloads.md. */
export const keptRequestSchema = z.object({
  invocationId: z.string(),
  method: z.string(),
  url: z.string().describe('As the caller wrote it, as far as is known; credentials in the query are `redacted`.'),
  path: z.string().describe('What the function saw, without the query.'),
  query: z.string(),
  headers: z.array(headerSchema),
  clientAddress: z.string(),
  ...bodySchema,
  bodyBytes: z.number().int().nullable().describe('How long it was; null when the call ended before the body.'),
  isCut: z.boolean().describe('`body` is only the beginning.'),
  redacted: z.array(z.string()).describe('What was left out, for example `header authorization`.'),
  replayObstacle: z.enum(replayObstacles).nullable().describe('Why it cannot be replayed; null when it can.'),
  response: z
    .object({ status: z.number().int(), headers: z.array(headerSchema), ...bodySchema, isCut: z.boolean() })
    .nullable()
    .describe('What the function answered, as far as it is known; null when it did not.'),
});
export type KeptRequestDocument = z.infer<typeof keptRequestSchema>;
