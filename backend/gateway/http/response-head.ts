import { STATUS_CODES } from 'node:http';

const lineBreak = /[\r\n]/;

let second = Number.NaN;
let dateLine = '';

/** `Date` changes once a second. */
function dateAt(nowMs: number): string {
  const now = Math.floor(nowMs / 1000);
  if (now !== second) {
    second = now;
    dateLine = `Date: ${new Date(now * 1000).toUTCString()}\r\n`;
  }
  return dateLine;
}

const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

export interface ResponseHeadOptions {
  readonly status: number;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
  readonly nowMs: number;
  readonly isChunked: boolean;
  /** Seconds that the connection stays open for the next request; undefined when it ends. */
  readonly keepAliveSeconds: number | undefined;
}

/** The bytes of a response head as latin1 text. Throws when a header would end its line: nobody may write another header that way. */
export function responseHead(options: ResponseHeadOptions): string {
  const { status, headers, nowMs, isChunked, keepAliveSeconds } = options;
  let head = statusLine(status);
  let hasDate = false;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    if (name.length === 4 && name.toLowerCase() === 'date') hasDate = true;
    if (lineBreak.test(value) || lineBreak.test(name)) throw new Error('a response header contains a line break');
    head += `${name}: ${value}\r\n`;
  }
  if (!hasDate) head += dateAt(nowMs);
  if (isChunked) head += 'Transfer-Encoding: chunked\r\n';
  if (keepAliveSeconds === undefined) return `${head}Connection: close\r\n\r\n`;
  return `${head}Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSeconds}\r\n\r\n`;
}
