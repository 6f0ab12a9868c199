import { z } from 'zod';
import { KiB, limits } from './limits.ts';

/** Of which calls over HTTP the request is kept: none, those that failed (no success, or a status from 500), or all. */
const capturedRequests = ['none', 'errors', 'all'] as const;
export type CapturedRequests = (typeof capturedRequests)[number];

export const defaultCapture = { requests: 'errors', maxBytes: 64 * KiB } as const;

/** What is kept of calls over HTTP, to look at and to replay: docs/payloads.md. */
export const captureSchema = z
  .strictObject({
    requests: z
      .enum(capturedRequests)
      .default(defaultCapture.requests)
      .describe('`errors`: of calls that did not succeed or were answered with a status from 500.'),
    maxBytes: z
      .number()
      .int()
      .min(0)
      .max(limits.maxAsyncPayloadBytes)
      .default(defaultCapture.maxBytes)
      .describe(
        'Most bytes that are kept of a request body, and of a response. A request that is cut cannot be replayed.',
      ),
  })
  .describe('Which requests of calls over HTTP are kept, without credentials, to be looked at and replayed.');
export type CaptureConfig = z.infer<typeof captureSchema>;
