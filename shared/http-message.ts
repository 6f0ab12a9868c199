import { z } from 'zod';
import { httpMessageContentType } from './http-message-type.ts';
import {
  headerNamePattern,
  headerValuePattern,
  maxHeaders,
  maxTargetChars,
  methodPattern,
  targetPattern,
} from './written-request.ts';

/**
 * An HTTP request or response as one body: a line of JSON with its head, a line feed, then its own body as it is. Requests to functions and
 * drafts travel so to the platform, whose own method, headers and status are another thing, and so they are kept (docs/drafts.md).
 */
export const httpMessageType = httpMessageContentType;

/** Bytes of the first line. A gateway takes 16 KiB of headers. */
export const maxMessageHeadBytes = 64 * 1024;

const headersSchema = z
  .array(
    z.tuple([
      z.string().regex(headerNamePattern, 'a name of a header'),
      z.string().regex(headerValuePattern, 'a value of a header, without line ends'),
    ]),
  )
  .max(maxHeaders);

export const httpRequestHeadSchema = z.strictObject({
  method: z.string().regex(methodPattern, 'a method such as GET'),
  target: z.string().max(maxTargetChars).regex(targetPattern, 'a path that begins with /, and a query'),
  headers: headersSchema,
  params: z
    .record(z.string(), z.string())
    .optional()
    .describe('Of the route that matched. Left out: the platform finds the route, of those that the function has.'),
});
export type HttpRequestHead = z.infer<typeof httpRequestHeadSchema>;

export const httpResponseHeadSchema = z.object({
  status: z.number().int().min(200).max(599),
  headers: headersSchema,
});
export type HttpResponseHead = z.infer<typeof httpResponseHeadSchema>;

/** Names and values of a flat list of headers (name, value, name, value …), as messages have them. */
export function headerPairs(headers: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) pairs.push([headers[i] ?? '', headers[i + 1] ?? '']);
  return pairs;
}

/** The first line of a message, to be followed by its body. */
export function messageHead(head: HttpRequestHead | HttpResponseHead): Buffer {
  return Buffer.from(`${JSON.stringify(head)}\n`);
}

/** Where the body begins, or undefined when the first line has not ended within its limit. */
export function bodyOffset(message: Uint8Array): number | undefined {
  const end = message.subarray(0, maxMessageHeadBytes).indexOf(0x0a);
  return end === -1 ? undefined : end + 1;
}
