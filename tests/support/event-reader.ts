import { EventStreamParser } from '../../frontend/api/event-stream.ts';

export interface ReadEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: {
    readonly topic?: string;
    readonly stream?: string;
    readonly topics?: string[];
    readonly lost?: number | null;
    readonly lines?: { readonly id: string; readonly text: string }[];
  } & Readonly<Record<string, unknown>>;
}

/** The path of a stream with these topics. */
export function eventsPath(topics: readonly string[]): string {
  const query = new URLSearchParams(topics.map((topic): [string, string] => ['topic', topic]));
  return `/api/v1/events?${query}`;
}

/** Reads an event stream over a real connection, as a client does. */
export class EventReader {
  readonly #abort = new AbortController();
  readonly #response: Response;
  readonly #events: AsyncGenerator<ReadEvent>;
  /** Everything read so far. */
  readonly events: ReadEvent[] = [];

  private constructor(response: Response, abort: AbortController) {
    this.#response = response;
    this.#abort = abort;
    this.#events = this.#read();
  }

  /** Rejects when the answer is no stream; the message is the problem document then. */
  static async open(url: string, headers: Readonly<Record<string, string>>): Promise<EventReader> {
    const abort = new AbortController();
    const response = await fetch(url, { headers, signal: abort.signal });
    if (!response.ok) throw new Error(await response.text());
    return new EventReader(response, abort);
  }

  /** To go on with. */
  get lastId(): string {
    return this.events.findLast(({ id }) => id !== undefined)?.id ?? '';
  }

  get texts(): readonly string[] {
    return this.events.flatMap(({ data }) => (data.lines ?? []).map(({ text }) => text));
  }

  /** The next event that a test wants; undefined when the stream ends before. */
  async until(isWanted: (event: ReadEvent) => boolean): Promise<ReadEvent | undefined> {
    for (;;) {
      const { value, done } = await this.#events.next();
      if (done === true) return undefined;
      this.events.push(value);
      if (isWanted(value)) return value;
    }
  }

  async untilText(text: string): Promise<void> {
    await this.until(({ data }) => data.lines?.some((line) => line.text === text) ?? false);
  }

  /** Cuts the connection. */
  close(): void {
    this.#abort.abort();
  }

  async *#read(): AsyncGenerator<ReadEvent> {
    const parser = new EventStreamParser();
    try {
      for await (const text of this.#response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        for (const { event, id, data } of parser.push(text)) yield { event, id, data: JSON.parse(data) };
      }
    } catch (error) {
      if (!this.#abort.signal.aborted && !(error instanceof TypeError)) throw error;
    }
  }
}
