import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { PlatformError } from '../../../../../shared/errors.ts';

const keyBytes = 32;

/** What an agent shows first on a channel that is no descriptor of its own: 64 hexadecimal digits, for one sandbox alone. */
export function newChannelKey(): string {
  return randomBytes(keyBytes).toString('hex');
}

/**
 * Resolves when the far end has shown `key` as its first line; what came after it is still to be read. Rejects with `unavailable`, and ends the stream: with
 * `channel_not_authentic` when something else came, `guest_lost` when the stream ended before.
 */
export async function authenticate(stream: Duplex, key: string): Promise<void> {
  const wanted = Buffer.from(`${key}\n`, 'latin1');
  const first = await readFirst(stream, wanted.length);
  if (timingSafeEqual(first.subarray(0, wanted.length), wanted)) {
    if (first.length > wanted.length) stream.unshift(first.subarray(wanted.length));
    return;
  }
  stream.destroy();
  const message = 'the channel of a sandbox was answered by somebody who does not know its key';
  throw new PlatformError('unavailable', 'channel_not_authentic', message);
}

/** At least so many bytes. Read, not flowing: then the next reader finds the stream as if nobody had read before. */
function readFirst(stream: Duplex, count: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let read = Buffer.alloc(0);
  const onReadable = (): void => {
    for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
      read = Buffer.concat([read, chunk as Buffer]);
      if (read.length < count) continue;
      settle();
      resolve(read);
      return;
    }
  };
  const onOver = (): void => {
    settle();
    stream.destroy();
    reject(new PlatformError('unavailable', 'guest_lost', 'the guest has ended'));
  };
  const settle = (): void => {
    stream.off('readable', onReadable);
    for (const event of ['end', 'error', 'close']) stream.off(event, onOver);
  };
  for (const event of ['end', 'error', 'close']) stream.on(event, onOver);
  stream.on('readable', onReadable);
  return promise;
}
