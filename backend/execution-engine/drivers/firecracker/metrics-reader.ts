import type { Readable } from 'node:stream';

/** One line of Firecracker's metrics is some 20 KB. */
const maxLineBytes = 256 * 1024;

/** Sums up what Firecracker writes into its metrics FIFO: a JSON object a line, whose counters count since the line before. Lines that make no sense are left out. */
export class MetricsReader {
  diskReadBytes = 0;
  #rest = '';

  constructor(source: Readable) {
    source.on('data', (chunk: Buffer) => this.#receive(chunk.toString('utf8')));
    source.on('error', () => source.destroy());
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > maxLineBytes) this.#rest = '';
    for (const line of lines) this.#add(line);
  }

  #add(line: string): void {
    try {
      const { block } = JSON.parse(line) as { readonly block?: { readonly read_bytes?: unknown } };
      const bytes = Number(block?.read_bytes ?? 0);
      if (Number.isSafeInteger(bytes) && bytes >= 0) this.diskReadBytes += bytes;
    } catch {
      // Half a line, after the FIFO was full.
    }
  }
}
