import type { KeptRequestDocument, ReplayObstacle } from '../../shared/api/kept-requests.ts';
import type { TriggerKind } from '../../shared/invocation.ts';
import { formatBytes } from './format.ts';

export const obstacleTexts: Readonly<Record<ReplayObstacle, string>> = {
  request_cut: 'Its body was cut, so it cannot be sent again',
  request_masked: 'A credential was taken out of its path or body, so it is not the same request any more',
};

/** Why nothing was kept of what went in. */
export const notKeptText = (trigger: TriggerKind): string =>
  trigger === 'http'
    ? 'Its request was not kept: by default those of calls that failed are (capture, in the settings of a version).'
    : 'The event was not kept.';

/** How much of a body there is, and how much there was. */
export function bodySizeText({ body, isBase64Encoded, bodyBytes, isCut }: KeptRequestDocument): string {
  if (!isCut) return formatBytes(bodyBytes ?? 0);
  const kept = isBase64Encoded ? Math.floor((body.length * 3) / 4) : new TextEncoder().encode(body).length;
  const whole = bodyBytes === null ? 'it had not ended' : `of ${formatBytes(bodyBytes)}`;
  return `cut: the first ${formatBytes(kept)}, ${whole}`;
}

/** The trace that a call belongs to, of its `traceparent`. */
export function traceIdOf(traceparent: string | null): string | undefined {
  return /^[\da-f]{2}-([\da-f]{32})-/.exec(traceparent ?? '')?.[1];
}

/** The event that a handler gets of such a request, as JSON to test it with; Lambda payload format 2.0. */
export function testEventOf(request: KeptRequestDocument): string {
  const { method, path, query, clientAddress, body, isBase64Encoded } = request;
  const headers: Record<string, string> = {};
  for (const { name, value } of request.headers) {
    const key = name.toLowerCase();
    headers[key] = Object.hasOwn(headers, key) ? `${headers[key]},${value}` : value;
  }
  const parameters = [...new URLSearchParams(query)];
  const event = {
    version: '2.0',
    rawPath: path,
    rawQueryString: query,
    headers,
    ...(parameters.length === 0 ? {} : { queryStringParameters: joined(parameters) }),
    requestContext: { http: { method, path, sourceIp: clientAddress } },
    ...(body === '' ? {} : { body }),
    isBase64Encoded,
  };
  return JSON.stringify(event, null, 2);
}

/** A parameter that comes several times has its values joined. */
function joined(parameters: readonly (readonly [string, string])[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of parameters)
    values[name] = Object.hasOwn(values, name) ? `${values[name]},${value}` : value;
  return values;
}
