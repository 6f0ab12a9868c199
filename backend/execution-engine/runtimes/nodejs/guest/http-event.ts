import type { HttpMeta } from './messages.ts';

/** Content types whose bodies are given as text; every other body is base64, as AWS Lambda function URLs do. */
const textTypes =
  /^(text\/|application\/(json|xml|javascript|x-www-form-urlencoded|graphql|x-ndjson|yaml)\b|[^;]*\+(json|xml)\b)/i;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** The event of an AWS Lambda function URL, payload format 2.0. */
export interface HttpEvent {
  readonly version: '2.0';
  readonly routeKey: '$default';
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly cookies?: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly queryStringParameters?: Readonly<Record<string, string>>;
  readonly pathParameters?: Readonly<Record<string, string>>;
  readonly requestContext: Readonly<Record<string, unknown>>;
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}

export function httpEvent(meta: HttpMeta, body: Buffer, functionName: string, nowMs: number): HttpEvent {
  const mark = meta.target.indexOf('?');
  const rawPath = mark < 0 ? meta.target : meta.target.slice(0, mark);
  const rawQueryString = mark < 0 ? '' : meta.target.slice(mark + 1);
  const { headers, cookies } = joinedHeaders(meta);
  const query = queryParameters(rawQueryString);
  const content = bodyOf(headers, body);
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    ...(cookies.length > 0 && { cookies }),
    headers,
    ...(query !== undefined && { queryStringParameters: query }),
    ...(Object.keys(meta.params).length > 0 && { pathParameters: meta.params }),
    requestContext: requestContext(meta, rawPath, headers, functionName, nowMs),
    ...(content.text !== undefined && { body: content.text }),
    isBase64Encoded: content.isBase64,
  };
}

function requestContext(
  meta: HttpMeta,
  path: string,
  headers: Readonly<Record<string, string>>,
  functionName: string,
  nowMs: number,
): Record<string, unknown> {
  return {
    accountId: 'anonymous',
    apiId: functionName,
    domainName: meta.host,
    domainPrefix: meta.host.split(/[.:]/, 1)[0] ?? '',
    http: {
      method: meta.method,
      path,
      protocol: 'HTTP/1.1',
      sourceIp: meta.clientAddress,
      userAgent: headers['user-agent'] ?? '',
    },
    requestId: meta.invocationId,
    routeKey: '$default',
    stage: '$default',
    time: clfTime(nowMs),
    timeEpoch: nowMs,
  };
}

function joinedHeaders(meta: HttpMeta): { headers: Record<string, string>; cookies: string[] } {
  const headers: Record<string, string> = {};
  const cookies: string[] = [];
  for (let i = 0; i + 1 < meta.headers.length; i += 2) {
    const name = (meta.headers[i] as string).toLowerCase();
    const value = meta.headers[i + 1] as string;
    const isCookie = name === 'cookie';
    if (isCookie) cookies.push(...value.split(/; */).filter((cookie) => cookie !== ''));
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    setOwn(headers, name, before === undefined ? value : `${before}${isCookie ? '; ' : ','}${value}`);
  }
  headers['host'] ??= meta.host;
  headers['x-forwarded-for'] ??= meta.clientAddress;
  headers['x-forwarded-proto'] ??= meta.scheme;
  headers['x-forwarded-port'] ??= /:(\d+)$/.exec(meta.host)?.[1] ?? (meta.scheme === 'https' ? '443' : '80');
  const trace = /^00-([0-9a-f]{8})([0-9a-f]{24})-/.exec(meta.traceparent ?? '');
  if (trace !== null) headers['x-amzn-trace-id'] ??= `Root=1-${trace[1]}-${trace[2]}`;
  return { headers, cookies };
}

function queryParameters(raw: string): Record<string, string> | undefined {
  if (raw === '') return undefined;
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(raw)) {
    setOwn(query, name, Object.hasOwn(query, name) ? `${query[name]},${value}` : value);
  }
  return query;
}

/** A header or parameter called `__proto__` is a name like any other. */
function setOwn(target: Record<string, string>, name: string, value: string): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function bodyOf(
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): { text: string | undefined; isBase64: boolean } {
  if (body.length === 0) return { text: undefined, isBase64: false };
  const isText = headers['content-encoding'] === undefined && textTypes.test(headers['content-type'] ?? '');
  const isUtf8 = isText && process.getBuiltinModule('node:buffer').isUtf8(body);
  return isUtf8 ? { text: body.toString('utf8'), isBase64: false } : { text: body.toString('base64'), isBase64: true };
}

function clfTime(nowMs: number): string {
  const at = new Date(nowMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${two(at.getUTCDate())}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}`;
  return `${date}:${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} +0000`;
}
