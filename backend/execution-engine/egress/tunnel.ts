import type { Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import type { ClientHello } from './client-hello.ts';
import { HelloGate } from './hello-gate.ts';
import { listenTo } from './opening.ts';

export interface TunnelOptions {
  /** From inside. */
  readonly connection: Duplex;
  /** To the host that may be reached. */
  readonly upstream: Socket;
  /** Why a program that says hello so may not go on, or undefined. */
  readonly judge: (hello: ClientHello | 'malformed') => Error | undefined;
  /** Takes over both ends when HTTP is spoken; `upstream` has said nothing then, or nothing that counts. */
  readonly serveHttp: () => void;
}

/** Fatal, unrecognized_name (RFC 8446, 6.2): what programs show best of the ways to say no in TLS. */
const unrecognizedName = Buffer.from([21, 3, 3, 0, 2, 2, 112]);

/**
 * Bytes both ways, each as fast as the other side takes them. What the program says first decides: over TLS it must ask for the right host, and
 * HTTP is served request by request; what else it speaks goes through as it is. The other side is heard at once, as it may be the first to speak.
 */
export async function openTunnel({ connection, upstream, judge, serveHttp }: TunnelOptions): Promise<void> {
  const onClosed = (): void => {
    if (!upstream.readableEnded) connection.destroy();
  };
  upstream.on('close', onClosed);
  connection.once('close', () => upstream.destroy());
  upstream.pipe(connection);
  const { opening, rest } = await listenTo(connection);
  if (rest !== undefined) {
    upstream.end(rest);
    return;
  }
  if (opening === 'tls') {
    const gate = new HelloGate(judge);
    gate.once('error', () => {
      upstream.off('close', onClosed);
      upstream.destroy();
      connection.end(unrecognizedName);
      connection.resume();
    });
    connection.pipe(gate).pipe(upstream);
    return;
  }
  upstream.unpipe(connection);
  upstream.off('close', onClosed);
  if (opening === 'http') {
    serveHttp();
    // Listening for what there is to read has stopped it from flowing.
    connection.resume();
    return;
  }
  pipeline(connection, upstream, connection, () => undefined);
}
