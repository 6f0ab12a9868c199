import type { PlatformError } from '../../../shared/errors.ts';
import type { Body } from '../../core/invocation.ts';

/**
 * One request of a client and the way to answer it, whoever parsed it. Header lists are name, value, name, value …
 * Order of use: `respond`, or `start`, any number of `write`, `end`. `cut` ends everything at any time.
 */
export interface Exchange {
  readonly method: string;
  /** As the client sent it. */
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly remoteAddress: string;
  /** The head of the response has left. */
  readonly hasStarted: boolean;
  /** Nothing can be sent any more: the response has ended, or the client is gone. */
  readonly isOver: boolean;

  /** Called once, when the client goes away before the response has been sent whole. */
  onGone(listener: () => void): void;
  /**
   * The body, whole if it is small, else as a stream that fails with `payload_too_large` as soon as the limit is crossed; `onCrossed`
   * is called then too. Throws `payload_too_large` when the length is known. Rejects when the client goes away before a small one is whole.
   */
  readBody(maxBytes: number, onCrossed: (error: PlatformError) => void): Body | Promise<Buffer>;
  /** Nobody reads the rest of this body. */
  dropBody(body: Body): void;

  /** Sends a response that is whole. `body` is left out for HEAD, 204 and 304; `headers` say its length. */
  respond(status: number, headers: readonly string[], body: Buffer | undefined): void;
  /** Sends the head of a streamed response, at once or with the first bytes of the body. */
  start(status: number, headers: readonly string[]): void;
  /** A promise means "full": it settles when there is room again. */
  write(data: Buffer): Promise<void> | undefined;
  end(): void;
  /** Ends the connection now, in the middle of the response if need be: the only honest end of one that broke off. */
  cut(): void;
  /** The connection ends after this response, which must not have started. */
  closeAfter(): void;
  /** The same, if so much of the request body is unread that a new connection costs less than reading it. */
  closeIfMuchIsUnread(): void;
  /** A client that takes nothing of the rest of a response that has ended here loses it after so long. */
  limitStall(ms: number): void;
}

/** HEAD, 204 and 304 have none (RFC 9110, 6.4.1). */
export function hasNoBody(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}
