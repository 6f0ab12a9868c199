import type { Readable } from 'node:stream';
import { LineSplitter } from '../../support/line-splitter.ts';

/** A document of a progress or event stream; one that is longer is left out. */
const maxLineBytes = 1024 * 1024;

/** The JSON documents of a response, one per line, as they come. Ends when the response does; throws what the response fails with. */
export async function* readJsonLines(source: Readable): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const ready: string[] = [];
  const splitter = new LineSplitter({
    maxLineBytes,
    onLine: (text, cut) => {
      if (!cut && text.trim() !== '') ready.push(text);
    },
  });
  for await (const chunk of source as AsyncIterable<Buffer>) {
    splitter.push(chunk);
    for (const text of ready.splice(0)) yield parse(text);
  }
  splitter.end();
  for (const text of ready) yield parse(text);
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Not JSON: shown as it is.
  }
  return { stream: text };
}
