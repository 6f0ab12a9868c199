import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { PlatformError } from '../../../shared/errors.ts';
import { limits } from '../../../shared/limits.ts';
import type { VersionConfig } from '../../../shared/version-config.ts';
import type { CallContext } from '../../control-plane/invocations.ts';
import { callChainHeader } from '../../core/call-chain.ts';
import { isTraceparent } from '../../core/trace-context.ts';
import { parseAnyJson } from '../json-body.ts';
import { readRawBody } from '../raw-body.ts';
import type { Api } from '../route-docs.ts';

export const callHeaders = z.object({
  traceparent: z.string().max(256).optional().describe('W3C trace context; passed on when it is valid.'),
  [callChainHeader]: z
    .string()
    .max(256)
    .optional()
    .describe('From a function that calls: what it was given, so that loops and calls that outlive their caller end.'),
});

/** JSON up to this size is checked before it travels; larger payloads are the function's to parse. */
const maxCheckedBytes = limits.maxAsyncPayloadBytes;

/** The payload of a call goes to the function as bytes, and so does an event that is kept for one: such routes have a body parser of their own. `limitOf`: bytes. */
export function takeRawPayloads(app: Api, limitOf: (request: FastifyRequest) => number): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage) =>
    readRawBody(payload, request.headers['content-length'], limitOf(request)),
  );
}

/** What the caller sends along with the event, behind `takeRawPayloads`. Throws `invalid_request`/`bad_json`. */
export function receiveCall(
  request: FastifyRequest<{ Headers: z.infer<typeof callHeaders> }>,
  reply: FastifyReply,
): CallContext & { readonly payload: Buffer } {
  const payload = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const facts = callFactsOf(request, reply);
  checkJson(payload);
  return { payload, ...facts };
}

/** What the headers say about a call; its trace is named in the answer. */
export function callFactsOf(
  { headers }: FastifyRequest<{ Headers: z.infer<typeof callHeaders> }>,
  reply: FastifyReply,
): CallContext {
  const trace = headers.traceparent;
  const traceparent = trace !== undefined && isTraceparent(trace) ? trace : undefined;
  if (traceparent !== undefined) reply.header('traceparent', traceparent);
  return { traceparent, callChain: headers[callChainHeader] };
}

/** Throws `payload_too_large`. */
export function refuseTooLarge(payload: Buffer, { maxRequestBytes }: VersionConfig): void {
  if (payload.length <= maxRequestBytes) return;
  const message = `this function takes payloads up to ${maxRequestBytes} bytes`;
  throw new PlatformError('payload_too_large', 'payload_too_large', message);
}

function checkJson(payload: Buffer): void {
  if (payload.length > 0 && payload.length <= maxCheckedBytes) parseAnyJson(payload.toString('utf8'), 'the payload');
}
