import type { ClientRequest, IncomingMessage } from 'node:http';
import { type Duplex, pipeline } from 'node:stream';
import { forwardableHeaders } from './headers.ts';

const headOf = (response: IncomingMessage, headers: readonly string[]): string => {
  const lines = headers.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${headers[i + 1] ?? ''}`] : []));
  return `${[`HTTP/1.1 ${response.statusCode ?? 502}`, ...lines].join('\r\n')}\r\n\r\n`;
};

/** A request to speak WebSocket, made in place of the program: bytes both ways when the other side agrees, else its answer. `failed` answers when there is none. */
export function relayUpgrade(
  connection: Duplex,
  head: Buffer,
  upstream: ClientRequest,
  failed: (error: Error) => void,
): void {
  // The server, the tunnel and both directions listen to it: more than ten, and always the same ones.
  connection.setMaxListeners(20);
  upstream.once('upgrade', (response, socket, first) => {
    const agreed = ['connection', 'upgrade', 'upgrade', response.headers.upgrade ?? 'websocket'];
    connection.write(headOf(response, [...forwardableHeaders(response.rawHeaders), ...agreed]), 'latin1');
    if (first.length > 0) connection.write(first);
    if (head.length > 0) socket.write(head);
    pipeline(connection, socket, connection, () => undefined);
  });
  upstream.once('response', (response) => {
    connection.write(headOf(response, [...forwardableHeaders(response.rawHeaders), 'connection', 'close']), 'latin1');
    pipeline(response, connection, () => undefined);
  });
  upstream.once('error', failed);
  connection.once('close', () => upstream.destroy());
  upstream.end();
}
