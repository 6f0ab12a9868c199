import type { Readable } from 'node:stream';
import { PlatformError } from '../../shared/errors.ts';

const tooLarge = (limit: number) =>
  new PlatformError('payload_too_large', 'payload_too_large', `a payload may have ${limit} bytes here`);

/** Reads a body whole. Rejects with `payload_too_large` as soon as the limit is crossed, declared or real. */
export function readRawBody(payload: Readable, contentLength: string | undefined, limit: number): Promise<Buffer> {
  if (contentLength !== undefined && Number(contentLength) > limit) return Promise.reject(tooLarge(limit));
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onData = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > limit) {
      payload.off('data', onData);
      payload.pause();
      reject(tooLarge(limit));
      return;
    }
    chunks.push(chunk);
  };
  payload.on('data', onData);
  payload.once('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
  payload.once('error', () => reject(new PlatformError('invalid_request', 'bad_request', 'the body ended too early')));
  return promise;
}
