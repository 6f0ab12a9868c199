import type { IncomingMessage, Server, ServerResponse } from 'node:http';

export interface BodyPausesOptions {
  readonly server: Server;
  /** Milliseconds for which nothing of a body may come. */
  readonly pauseMs: number;
  readonly clock: { monotonic(): number; after(ms: number, run: () => void): () => void };
}

interface Arriving {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  bytesRead: number;
  movedAt: number;
}

/** How often in one pause it is looked at. */
const looksPerPause = 15;

/**
 * Ends requests whose body does not go on, as Node's own time-outs end those that take too long as a whole: with a `clientError` of code
 * `ERR_HTTP_REQUEST_TIMEOUT`. Only what is waited for counts: whoever reads slowly here, or has begun to answer, is bounded by its own deadline.
 */
export function limitBodyPauses({ server, pauseMs, clock }: BodyPausesOptions): void {
  const arriving = new Set<Arriving>();
  let isLooking = false;
  const look = (): void => {
    const now = clock.monotonic();
    for (const body of arriving) {
      const { request, response } = body;
      const isWaitedFor = request.readableFlowing === true && request.readableLength === 0 && !response.headersSent;
      if (request.complete) arriving.delete(body);
      else if (!isWaitedFor || request.socket.bytesRead !== body.bytesRead) {
        body.bytesRead = request.socket.bytesRead;
        body.movedAt = now;
      } else if (now - body.movedAt >= pauseMs) {
        const code = 'ERR_HTTP_REQUEST_TIMEOUT';
        server.emit('clientError', Object.assign(new Error('the body does not go on'), { code }), request.socket);
      }
    }
    isLooking = arriving.size > 0;
    if (isLooking) clock.after(pauseMs / looksPerPause, look);
  };
  server.on('request', (request, response) => {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    if (coding === undefined && (length === undefined || length === '0')) return;
    const body = { request, response, bytesRead: request.socket.bytesRead, movedAt: clock.monotonic() };
    arriving.add(body);
    response.once('close', () => arriving.delete(body));
    if (isLooking) return;
    isLooking = true;
    clock.after(pauseMs / looksPerPause, look);
  });
}
