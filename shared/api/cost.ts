import { z } from 'zod';
import { timeSchema } from './paging.ts';

const price = z.number().min(0).max(1_000_000);

/** What another platform charges. All prices in `currency`. */
export const priceTableSchema = z.strictObject({
  name: z.string().min(1).max(200).describe('What the prices are of.'),
  currency: z.string().regex(/^[A-Z]{3}$/, 'three capital letters, for example USD'),
  perMillionRequests: price,
  perGbSecond: price.describe('Memory of a version times the time that it is busy.'),
  perGbEgress: price.describe('Per 10^9 bytes of `egressBytes`.'),
});
export type PriceTable = z.infer<typeof priceTableSchema>;

const usageFields = {
  invocations: z.number(),
  coldStarts: z.number(),
  cpuSeconds: z.number(),
  mbSeconds: z.number().describe('MiB of the limit times seconds in handlers and starts, as Lambda counts.'),
  responseBytes: z.number(),
  networkSentBytes: z.number().describe('By functions themselves; 0 where the isolation level cannot tell.'),
  egressBytes: z.number().describe('Bytes out: responses and what functions sent themselves.'),
  elsewhere: z
    .object({ requests: z.number(), duration: z.number(), egress: z.number(), total: z.number() })
    .describe('What the same would cost at the price table.'),
};
export const costSchema = z.object({
  from: timeSchema,
  to: timeSchema,
  prices: priceTableSchema,
  items: z
    .array(z.object({ functionName: z.string(), ...usageFields }))
    .describe('Functions that were called, the most expensive first.'),
  total: z.object(usageFields),
});
export type Cost = z.infer<typeof costSchema>;
