import { z } from 'zod';

/** RFC 9110, 5.6.2; the names of headers are compared in lower case. */
const headerName = z
  .string()
  .toLowerCase()
  .regex(/^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/, 'not the name of a header');

/** Which calls of a version are the same call: docs/gateway.md, "Single flight". */
export const singleFlightSchema = z
  .union([
    z.boolean(),
    z.strictObject({
      headers: z
        .array(headerName)
        .max(20)
        .describe(
          'Headers that the function reads, beside those that always tell calls apart (Authorization, Cookie, Range, …).',
        ),
    }),
  ])
  .describe(
    'Calls with GET and HEAD that are the same and in flight together share one invocation. True: the same in every header but those of traces and proxies.',
  );
export type SingleFlightConfig = z.infer<typeof singleFlightSchema>;
