import type { IncomingMessage } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { PlatformError } from '../../shared/errors.ts';
import type { Body } from '../core/invocation.ts';

/** Bodies up to this size are collected and travel in one frame; larger or unknown ones are streamed. */
const collectBytes = 256 * 1024;

export const requestTooLarge = (maxBytes: number): PlatformError =>
  new PlatformError(
    'payload_too_large',
    'request_too_large',
    `The request body is larger than the ${maxBytes} bytes that this function takes.`,
  );

const empty = Buffer.alloc(0);

/** The length that the client declared, undefined when it is chunked, 0 when there is no body. Node's parser has checked the headers. */
export function declaredLength(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length'];
  if (text !== undefined) return Number(text);
  return request.headers['transfer-encoding'] === undefined ? 0 : undefined;
}

/**
 * The body, whole if it is small, else as a stream that fails with `payload_too_large` as soon as the limit is crossed.
 * Rejects when the client goes away while a small body arrives: such a call is never started.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  onCrossed: (error: PlatformError) => void,
): Body | Promise<Buffer> {
  const length = declaredLength(request);
  if (length === 0) return empty;
  if (length !== undefined && length > maxBytes) throw requestTooLarge(maxBytes);
  if (length !== undefined && length <= collectBytes) return collect(request, length);
  const limiter = new BodyLimiter(maxBytes, onCrossed);
  request.on('error', (error) => limiter.destroy(error));
  request.on('aborted', () => limiter.destroy(new Error('the client went away')));
  request.pipe(limiter);
  return limiter;
}

function collect(request: IncomingMessage, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    request.on('data', (chunk: Buffer) => {
      if (first === undefined) first = chunk;
      else if (more === undefined) more = [first, chunk];
      else more.push(chunk);
    });
    request.once('end', () => resolve(more === undefined ? (first ?? empty) : Buffer.concat(more, length)));
    request.once('error', reject);
    request.once('close', () => {
      // Every request closes; an error with its stack is made only for those that are cut off.
      if (!request.complete) reject(new Error('the client went away'));
    });
  });
}

class BodyLimiter extends Transform {
  #left: number;
  readonly #maxBytes: number;
  readonly #onCrossed: (error: PlatformError) => void;

  constructor(maxBytes: number, onCrossed: (error: PlatformError) => void) {
    super();
    this.#left = maxBytes;
    this.#maxBytes = maxBytes;
    this.#onCrossed = onCrossed;
    // The protocol listens too; this one keeps an early failure from being thrown at the process.
    this.on('error', () => undefined);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#left -= chunk.length;
    if (this.#left >= 0) {
      done(null, chunk);
      return;
    }
    const error = requestTooLarge(this.#maxBytes);
    this.#onCrossed(error);
    done(error);
  }
}
