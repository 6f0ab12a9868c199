/** A request as its head says it, every header name in lower case. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** Name, value, name, value … in the order in which they came. */
  readonly headers: readonly string[];
  readonly contentLength: number;
  /** Where the body begins in the bytes. */
  readonly bodyAt: number;
}

const maxHeadBytes = 16_384;
const maxHeaders = 100;

/** The methods whose requests are parsed here; RFC 9110 section 9.1, without CONNECT and TRACE. */
const requestLine = /(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (\/[A-Za-z0-9\-._~%!$&'()*+,;=:@/?]*) HTTP\/1\.1\r\n/y;
/** RFC 9112 section 2.2: CR and LF in pairs only; RFC 9110 section 5.5: no other control character but tab. */
const illegal = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/;
/** RFC 9110 section 5.6.2: a token. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const decimal = /^\d{1,9}$/;
/** Headers that change how the connection or the body is read: such requests are not for here. */
const special: ReadonlySet<string> = new Set(['transfer-encoding', 'upgrade', 'expect', 'trailer', 'proxy-connection']);

/** Names as clients write them, to lower case. Bounded, because clients choose them. */
const knownNames = new Map<string, string>();
const maxKnownNames = 1000;

/**
 * Parses the plainest of requests, which nearly all are: HTTP/1.1, a path, a head that arrived whole, a body with a Content-Length or
 * none, a connection that goes on. Undefined for everything else, legal or not: Node's parser then decides from the first byte. So
 * this must accept nothing that Node would refuse or read in another way; tests compare the two.
 */
export function parseRequestHead(bytes: Buffer): RequestHead | undefined {
  const end = bytes.indexOf('\r\n\r\n', 0, 'latin1');
  if (end === -1 || end > maxHeadBytes) return undefined;
  const text = bytes.toString('latin1', 0, end + 2);
  requestLine.lastIndex = 0;
  const line = requestLine.exec(text);
  if (line === null || illegal.test(text)) return undefined;
  const headers = parseFields(text, requestLine.lastIndex);
  if (headers === undefined) return undefined;
  const contentLength = plainContentLength(headers);
  if (contentLength === undefined) return undefined;
  return { method: line[1] as string, target: line[2] as string, headers, contentLength, bodyAt: end + 4 };
}

function parseFields(text: string, from: number): readonly string[] | undefined {
  const headers: string[] = [];
  for (let at = from; at < text.length; ) {
    const lineEnd = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    if (colon === -1 || colon > lineEnd) return undefined;
    const name = nameOf(text.slice(at, colon));
    if (name === undefined) return undefined;
    headers.push(name, trimmed(text, colon + 1, lineEnd));
    at = lineEnd + 2;
  }
  return headers.length > maxHeaders * 2 ? undefined : headers;
}

/** 0 when there is none. Undefined when anything but the length says how the body or the connection is to be read. */
function plainContentLength(headers: readonly string[]): number | undefined {
  let hosts = 0;
  let length: number | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    if (name === 'host') hosts++;
    else if (name === 'content-length') {
      if (length !== undefined || !decimal.test(value)) return undefined;
      length = Number(value);
    } else if (name === 'connection') {
      if (value.toLowerCase() !== 'keep-alive') return undefined;
    } else if (special.has(name)) return undefined;
  }
  return hosts === 1 ? (length ?? 0) : undefined;
}

function nameOf(written: string): string | undefined {
  const known = knownNames.get(written);
  if (known !== undefined) return known;
  if (!token.test(written)) return undefined;
  const name = written.toLowerCase();
  // A copy: a slice would keep the whole head of its request alive.
  if (knownNames.size < maxKnownNames) knownNames.set(Buffer.from(written, 'latin1').toString('latin1'), name);
  return name;
}

/** Without the white space around it (RFC 9110, 5.5). */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
