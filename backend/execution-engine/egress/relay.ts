import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { forwardableHeaders } from './headers.ts';

/**
 * Sends the body of a request on, and the response back, each as fast as the other side takes it. `failed` answers when there is no response;
 * one that breaks off breaks off here too. Never throws, whatever the other side says.
 */
export function relay(
  asked: IncomingMessage,
  upstream: ClientRequest,
  answer: ServerResponse,
  failed: (error: Error) => void,
): void {
  const fail = (error: Error): void => {
    upstream.destroy();
    if (answer.headersSent) answer.destroy();
    else if (!answer.destroyed) failed(error);
  };
  upstream.once('response', (response) => {
    try {
      // Without the words behind the status: Node reads characters there that it does not write.
      answer.writeHead(response.statusCode ?? 0, forwardableHeaders(response.rawHeaders));
    } catch {
      // A status such as 099, which it reads too.
      fail(new Error('it answered with a head that is not HTTP'));
      return;
    }
    pipeline(response, answer, () => undefined);
  });
  upstream.on('error', fail);
  upstream.once('close', () => {
    if (!answer.headersSent) fail(new Error('it closed the connection without an answer'));
  });
  answer.once('close', () => upstream.destroy());
  asked.pipe(upstream);
}
