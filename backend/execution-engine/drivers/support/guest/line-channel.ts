import type { Duplex } from 'node:stream';

/** No answer of QEMU that is asked for here, and no line of init, is as long. */
const maxLineBytes = 256 * 1024;

/**
 * Whole lines of a stream whose far end is not trusted: a line that is too long, or one that `onLine` throws for, ends the stream with
 * an error. `onOver` is called once when the stream has ended, for whatever reason.
 */
export function readLines(stream: Duplex, onLine: (line: string) => void, onOver: () => void): void {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    rest += chunk.toString('utf8');
    try {
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end).replace(/\r$/, '');
        rest = rest.slice(end + 1);
        onLine(line);
      }
    } catch (error) {
      stream.destroy(error instanceof Error ? error : new Error(String(error)));
    }
    if (rest.length > maxLineBytes) stream.destroy(new Error(`a line longer than ${maxLineBytes} bytes`));
  });
  stream.once('end', () => stream.destroy());
  stream.on('error', () => stream.destroy());
  stream.once('close', onOver);
}
