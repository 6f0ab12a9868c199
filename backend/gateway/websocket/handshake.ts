import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** RFC 6455 section 1.3. */
const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const keyPattern = /^[A-Za-z0-9+/]{22}==$/;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Whether a request asks for a WebSocket; any other upgrade is ignored, as HTTP allows, and so is one behind which a body comes. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  if (headers.upgrade?.toLowerCase() !== 'websocket') return false;
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}

export interface Handshake {
  readonly accept: string;
  /** Subprotocols that the client offers. */
  readonly offered: readonly string[];
}

/** The client's opening handshake (RFC 6455 section 4.2.1), or what is wrong with it. */
export function readHandshake({ method, headers }: IncomingMessage): Handshake | { readonly problem: string } {
  if (method !== 'GET') return { problem: 'A WebSocket is opened with GET.' };
  if (headers['sec-websocket-version'] !== '13')
    return { problem: 'Only version 13 of the WebSocket protocol is spoken.' };
  const key = headers['sec-websocket-key'] ?? '';
  if (!keyPattern.test(key)) return { problem: 'Sec-WebSocket-Key is not 16 bytes in base64.' };
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return {
    accept: createHash('sha1')
      .update(key + acceptGuid)
      .digest('base64'),
    offered: offered.filter((name) => token.test(name)),
  };
}
