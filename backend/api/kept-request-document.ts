import { isUtf8 } from 'node:buffer';
import type { KeptRequestDocument } from '../../shared/api/kept-requests.ts';
import { headerPairs } from '../../shared/http-message.ts';
import { type HttpRequestHead, type KeptRequest, replayObstacle } from '../core/kept-request.ts';

export function keptRequestDocument(invocationId: string, request: KeptRequest): KeptRequestDocument {
  const { head, body, bodyBytes, isCut, redacted, response } = request;
  const queryAt = head.target.indexOf('?');
  return {
    invocationId,
    method: head.method,
    url: urlOf(head),
    path: queryAt === -1 ? head.target : head.target.slice(0, queryAt),
    query: queryAt === -1 ? '' : head.target.slice(queryAt + 1),
    headers: headersOf(head.headers),
    clientAddress: head.clientAddress,
    ...bodyOf(body),
    bodyBytes: bodyBytes ?? null,
    isCut,
    redacted: [...redacted],
    replayObstacle: replayObstacle(request) ?? null,
    response: response
      ? {
          status: response.status,
          headers: headersOf(response.headers),
          ...bodyOf(response.body),
          isCut: response.isCut,
        }
      : null,
  };
}

/** A function below a base path sees what is behind it, and the base path in a header. */
function urlOf({ scheme, host, target, headers }: HttpRequestHead): string {
  const prefix = headersOf(headers).find(({ name }) => name === 'x-forwarded-prefix')?.value ?? '';
  return `${scheme}://${host}${prefix}${target}`;
}

const headersOf = (list: readonly string[]) => headerPairs(list).map(([name, value]) => ({ name, value }));

function bodyOf(bytes: Buffer) {
  const isBase64Encoded = !isUtf8(bytes);
  return { body: bytes.toString(isBase64Encoded ? 'base64' : 'utf8'), isBase64Encoded };
}
