import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { PlatformError } from '../../../shared/errors.ts';
import {
  bodyOffset,
  type HttpRequestHead,
  httpMessageType,
  httpRequestHeadSchema,
  maxMessageHeadBytes,
} from '../../../shared/http-message.ts';
import type { CallContext } from '../../control-plane/invocations.ts';
import type { HttpRequest } from '../../core/invocation.ts';
import { notPassedOn } from '../../util/hop-by-hop.ts';
import { parseAnyJson } from '../json-body.ts';
import { callFactsOf, type callHeaders } from './call-payload.ts';

/** The HTTP request that a message is, as the gateway would hand it on. Throws `invalid_request` (`bad_message`, `bad_json`). */
export function receiveRequest(
  request: FastifyRequest<{ Headers: z.infer<typeof callHeaders> }>,
  reply: FastifyReply,
): CallContext & { readonly request: HttpRequest; readonly body: Buffer } {
  const message = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const start = bodyOffset(message);
  if (start === undefined)
    throw badMessage(
      `begin the body with a line of JSON (at most ${maxMessageHeadBytes} bytes) that has method, target and headers`,
    );
  const parsed = httpRequestHeadSchema.safeParse(
    parseAnyJson(message.toString('utf8', 0, start), 'the first line of the message'),
  );
  if (!parsed.success)
    throw badMessage(
      'the first line of the message is no head of a request',
      parsed.error.issues.map(({ path, message: text }) => ({ path: path.join('.'), message: text })),
    );
  const body = message.subarray(start);
  return { request: requestOf(parsed.data, body, request.ip), body, ...callFactsOf(request, reply) };
}

function requestOf(
  { method, target, headers, params }: HttpRequestHead,
  body: Buffer,
  clientAddress: string,
): HttpRequest {
  const passedOn: string[] = [];
  let host = '';
  for (const [name, value] of headers) {
    const lowerCaseName = name.toLowerCase();
    if (lowerCaseName === 'host') host = value;
    if (isPassedOn(lowerCaseName)) passedOn.push(lowerCaseName, value);
  }
  passedOn.push('x-forwarded-for', clientAddress, 'x-forwarded-proto', 'http');
  return { kind: 'http', method, target, headers: passedOn, clientAddress, scheme: 'http', host, params, body };
}

/** What the gateway keeps to itself, a draft does not get either. */
function isPassedOn(name: string): boolean {
  if (notPassedOn.has(name) || name === 'traceparent') return false;
  return !name.startsWith('hearth-') && !name.startsWith('x-forwarded-');
}

function badMessage(reason: string, issues: readonly { readonly path: string; readonly message: string }[] = []) {
  return new PlatformError('invalid_request', 'bad_message', `${reason} (${httpMessageType}, docs/drafts.md)`, {
    issues,
  });
}
