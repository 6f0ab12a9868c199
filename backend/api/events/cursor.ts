import { createHash } from 'node:crypto';

/**
 * How far a reader has come in each of its topics; the `id` of every event, and `Last-Event-ID` of a reader that comes back.
 * `<epoch>~<topic>=<position>~…`: topics go by a hash. Positions in logs are ids of stored lines and good in any process,
 * others only in the one that the epoch names (docs/adr/0016).
 */
export interface Cursor {
  readonly epoch: string;
  readonly positions: ReadonlyMap<string, string>;
}

const maxCursorChars = 1024;
const cursorPattern = /^[0-9a-f]{1,16}(~[0-9a-f]{8}=\d{1,16})*$/;

/** What is no cursor is as none. */
export function parseCursor(text: string | undefined): Cursor | undefined {
  if (text === undefined || text.length > maxCursorChars || !cursorPattern.test(text)) return undefined;
  const [epoch = '', ...parts] = text.split('~');
  return { epoch, positions: new Map(parts.map((part) => [part.slice(0, 8), part.slice(9)])) };
}

/** What a topic goes by in cursors. */
export function cursorKeyOf(topic: string): string {
  return createHash('sha256').update(topic, 'utf8').digest('hex').slice(0, 8);
}
