import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

const phrases = { 400: 'Bad Request', 403: 'Forbidden', 502: 'Bad Gateway' } as const;

/** Why the proxy does not do what it was asked. */
export interface Verdict {
  readonly status: keyof typeof phrases;
  /** For whoever writes the function. */
  readonly reason: string;
}

/** Answers a request, or breaks off when what was written before does not allow it. */
export function refuse(answer: ServerResponse, { status, reason }: Verdict): void {
  if (answer.headersSent) {
    answer.destroy();
    return;
  }
  answer.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  answer.end(`${reason}\n`);
}

/** Answers a CONNECT, and ends the connection. */
export function refuseTunnel(connection: Duplex, { status, reason }: Verdict): void {
  const body = `${reason}\n`;
  const head = [
    `HTTP/1.1 ${status} ${phrases[status]}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ];
  connection.end(head.join('\r\n'));
  connection.resume();
}
