import type { Route } from '../../shared/api/functions.ts';
import { isCredentialHeader } from '../../shared/credential-header.ts';
import { curlOf, shellQuote } from '../../shared/request-curl.ts';
import { headLine, requestObstacle, targetOf } from '../../shared/written-request.ts';

export interface WrittenHeader {
  readonly name: string;
  readonly value: string;
}

/** A request in the editor of the test panel. */
export interface HttpRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** In their order; a row with nothing in it is none yet. */
  readonly headers: readonly WrittenHeader[];
  /** Text, sent as it is. */
  readonly body: string;
}

export const commonMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

/** What the editor begins with: a request that the first route of the function takes. */
export function firstRequest(routes: readonly Pick<Route, 'path' | 'methods'>[]): HttpRequest {
  const [route] = routes;
  return { method: route?.methods[0] ?? 'GET', path: route?.path ?? '/', headers: [], body: '' };
}

const filled = ({ headers }: HttpRequest): readonly WrittenHeader[] =>
  headers.filter(({ name, value }) => name !== '' || value !== '');

const headOf = (request: HttpRequest) => ({
  ...request,
  headers: filled(request).map(({ name, value }) => [name, value] as const),
});

/** Why it cannot be sent, or undefined. */
export const obstacleOf = (request: HttpRequest): string | undefined => requestObstacle(headOf(request));

/** The request as it is sent and saved (shared/http-message.ts). */
export const messageOf = (request: HttpRequest): string => headLine(headOf(request)) + request.body;

/** The request that a message is; undefined for a text that is none. */
export function requestOf(message: string): HttpRequest | undefined {
  const end = message.indexOf('\n');
  if (end === -1) return undefined;
  try {
    const { method, target, headers } = JSON.parse(message.slice(0, end)) as Record<string, unknown>;
    if (typeof method !== 'string' || typeof target !== 'string' || !Array.isArray(headers)) return undefined;
    const rows = headers.map(([name, value]: readonly unknown[]) => ({ name: String(name), value: String(value) }));
    return { method, path: target, headers: rows, body: message.slice(end + 1) };
  } catch {
    return undefined;
  }
}

/** Names of headers that may hold credentials, as they were written. */
export const credentialsIn = (request: HttpRequest): readonly string[] =>
  filled(request)
    .map(({ name }) => name)
    .filter(isCredentialHeader);

export const withoutCredentials = (request: HttpRequest): HttpRequest => ({
  ...request,
  headers: request.headers.filter(({ name }) => !isCredentialHeader(name)),
});

/** Whether the body is to be shown as JSON: unless a header says that it is something else. */
export function isJsonBody({ headers }: HttpRequest): boolean {
  const type = headers.find(({ name }) => name.toLowerCase() === 'content-type')?.value;
  return type === undefined || type === '' || /\bjson\b/i.test(type);
}

/** Where the gateway takes the request. `url`: that of the function. */
export function requestUrl(url: string, routes: readonly unknown[], { path }: HttpRequest): string {
  // With routes the function has the whole path; without, what is behind its own.
  const base = routes.length > 0 ? new URL(url).origin : url.replace(/\/$/, '');
  const target = targetOf(path);
  return base + (target === '/' && routes.length === 0 ? '' : target);
}

/** The same request for elsewhere, ready to be pasted. */
export function requestSnippets(functionName: string, url: string, request: HttpRequest) {
  const headers = filled(request);
  return {
    curl: curlOf({ method: request.method, url, headers, body: request.body, isBase64Encoded: false }),
    fetch: fetchText(url, headers, request),
    cli: cliText(functionName, headers, request),
  };
}

function fetchText(url: string, headers: readonly WrittenHeader[], { method, body }: HttpRequest): string {
  const pairs = headers.map(({ name, value }) => `    [${JSON.stringify(name)}, ${JSON.stringify(value)}],`);
  return [
    `const response = await fetch(${JSON.stringify(url)}, {`,
    `  method: ${JSON.stringify(method)},`,
    ...(pairs.length === 0 ? [] : ['  headers: [', ...pairs, '  ],']),
    ...(body === '' ? [] : [`  body: ${JSON.stringify(body)},`]),
    '});',
    'console.log(response.status, await response.text());',
  ].join('\n');
}

function cliText(functionName: string, headers: readonly WrittenHeader[], { method, path, body }: HttpRequest): string {
  const parts = [
    `hearth invoke ${functionName} --method ${shellQuote(method)} --path ${shellQuote(targetOf(path))}`,
    ...headers.map(({ name, value }) => `--header ${shellQuote(`${name}: ${value}`)}`),
    ...(body === '' ? [] : [`--data ${shellQuote(body)}`]),
  ];
  return parts.join(' \\\n  ');
}
