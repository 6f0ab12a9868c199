/** One server-sent event. */
export interface ServerEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** Parses a text/event-stream body (WHATWG HTML, section 9.2.6): fields until a blank line make an event, comments are skipped. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const pending = new PendingEvent();
  let buffered = '';
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    buffered += decoder.decode(chunk, { stream: true });
    const lines = buffered.split(/\r\n|\n|\r(?!$)/);
    buffered = lines.pop() ?? '';
    for (const line of lines) {
      const event = pending.take(line);
      if (event !== undefined) yield event;
    }
  }
}

class PendingEvent {
  #id: string | undefined;
  #event = 'message';
  #data: string[] = [];

  /** The event that this line completes, if it does. */
  take(line: string): ServerEvent | undefined {
    if (line === '') return this.#complete();
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') this.#id = value;
    else if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    return undefined;
  }

  #complete(): ServerEvent | undefined {
    const event =
      this.#data.length === 0 ? undefined : { id: this.#id, event: this.#event, data: this.#data.join('\n') };
    this.#event = 'message';
    this.#data = [];
    return event;
  }
}
