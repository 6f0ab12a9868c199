import type { Environment } from './profile.ts';

export interface Streams {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
const codes: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** Data goes to stdout, everything said about it to stderr. Colours only on a terminal, and never with NO_COLOR. */
export class Terminal {
  readonly streams: Streams;
  readonly isJson: boolean;
  readonly #hasColour: boolean;

  constructor(streams: Streams, environment: Environment, isJson: boolean) {
    this.streams = streams;
    this.isJson = isJson;
    this.#hasColour =
      streams.stdout.isTTY === true && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
  }

  print(text: string): void {
    this.streams.stdout.write(`${text}\n`);
  }

  json(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  say(text: string): void {
    this.streams.stderr.write(`${text}\n`);
  }

  style(style: Style, text: string): string {
    return this.#hasColour ? `\u001b[${codes[style]}m${text}\u001b[0m` : text;
  }

  /** What a command did: `value` as data where JSON is asked for, else `text`, said about it. */
  answer(value: unknown, text: string): void {
    if (this.isJson) this.json(value);
    else this.say(text);
  }

  /** What a command is asked for: `value` as data where JSON is, else `text` alone. */
  result(value: unknown, text: string): void {
    if (this.isJson) this.json(value);
    else this.print(text);
  }

  /** A list, as data where JSON is asked for, else as a table with a row for each. */
  list<T>(items: readonly T[], head: readonly string[], rowOf: (item: T) => readonly string[]): void {
    if (this.isJson) this.json(items);
    else this.table(head, items.map(rowOf));
  }

  /** One thing: what is known of it, a line each; what is `undefined` is left out. */
  fields(rows: Readonly<Record<string, string | undefined>>): void {
    const known = Object.entries(rows).filter((row): row is [string, string] => row[1] !== undefined);
    const width = Math.max(...known.map(([name]) => name.length));
    for (const [name, value] of known)
      this.print(`${this.style('dim', name.padEnd(width))}  ${printable(value)}`.trimEnd());
  }

  /** Rows in aligned columns under a head, each in one line, whatever the names in it are. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const shown = rows.map((row) => row.map(inOneLine));
    const widths = head.map((title, column) =>
      Math.max(title.length, ...shown.map((row) => (row[column] ?? '').length)),
    );
    const line = (cells: readonly string[]): string =>
      cells
        .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd();
    this.print(this.style('dim', line(head.map((title) => title.toUpperCase()))));
    for (const row of shown) this.print(line(row));
  }
}

/**
 * User code chooses names and log lines: control characters must not reach the terminal, nor what turns the direction of the text around it
 * (bidi overrides and isolates), so that a line reads as what it is not. Tabs and line breaks stay.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/** For cells: a line break would begin a row that looks like one of its own. */
const inOneLine = (text: string): string => printable(text).replace(/[\t\n]/g, ' ');

/** For tables. */
export function firstLine(text: string): string {
  return printable(text).split('\n')[0] ?? '';
}

/** `512 B`, `1.5 KiB`, `20 MiB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const unit = bytes < 1024 ** 2 ? 'KiB' : bytes < 1024 ** 3 ? 'MiB' : 'GiB';
  const value = bytes / 1024 ** (['KiB', 'MiB', 'GiB'].indexOf(unit) + 1);
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
}

/** `3 min ago`, for tables. */
export function ago(at: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(at)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}
