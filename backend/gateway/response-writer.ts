import { isCorsHeader } from '../../shared/cors.ts';
import { serverTiming } from '../../shared/phases.ts';
import type { InvocationReport, ResponseHead, ResponseSink, SeenResponse } from '../core/invocation.ts';
import { type FaultResponse, renderFault } from './fault-responses.ts';
import { type Exchange, hasNoBody } from './http/exchange.ts';

/**
 * Writes a function's response to the client as it is produced. The head and the first chunk are held until the end of this turn of
 * the event loop: a response that is whole by then, as most are, leaves in one write with a Content-Length instead of chunks.
 */
export class ResponseWriter implements ResponseSink {
  readonly #exchange: Exchange;
  #invocationId: string;
  readonly #corsHeaders: readonly string[] | undefined;
  #head: ResponseHead | undefined;
  #held: Buffer | undefined;
  #isStreaming = false;
  /** The first piece of a failure that is streamed. */
  #first: Buffer | undefined;
  #moreHeaders: readonly string[] = [];

  constructor(exchange: Exchange, invocationId: string, corsHeaders: readonly string[] | undefined) {
    this.#exchange = exchange;
    this.#invocationId = invocationId;
    this.#corsHeaders = corsHeaders;
  }

  /** Goes out with the response, whatever becomes of the call; name, value, name, value … */
  addHeaders(headers: readonly string[]): void {
    this.#moreHeaders = [...this.#moreHeaders, ...headers];
  }

  /** The response is that of another invocation, which was the same call; before `finish` or `fail`. */
  answeredBy(invocationId: string): void {
    this.#invocationId = invocationId;
    this.addHeaders(['hearth-single-flight', 'shared']);
  }

  head(head: ResponseHead): void {
    this.#head = head;
    atEndOfTurn(this);
  }

  chunk(data: Buffer): Promise<void> | undefined {
    if (!this.#isStreaming) {
      if (this.#held === undefined) {
        this.#held = data;
        return undefined;
      }
      this.startStreaming();
    }
    if (this.#head !== undefined && this.#head.status >= 500) this.#first ??= data;
    return this.#exchange.write(data);
  }

  /** Of a response that is streamed only the head, and the first piece of one that says that the server failed: others may last for hours. */
  seen(): SeenResponse | undefined {
    return this.#head && { head: this.#head, body: this.#held ?? this.#first };
  }

  /** The function's response is complete. */
  finish(report: InvocationReport): void {
    if (this.#isStreaming) {
      this.#exchange.end();
      return;
    }
    const head = this.#head;
    if (head === undefined) return;
    this.#isStreaming = true;
    const { method } = this.#exchange;
    const headers = this.#headers(head, method === 'HEAD');
    headers.push('server-timing', serverTiming(report.timing, report.start));
    if (!hasNoBody(method, head.status)) headers.push('content-length', String(this.#held?.length ?? 0));
    this.#exchange.respond(head.status, headers, this.#held);
  }

  /**
   * The call failed; `report` says how, if it was one. Before any byte has left, the client gets a problem document; after that, only a cut
   * connection is honest.
   */
  fail(fault: FaultResponse, report?: InvocationReport): void {
    const exchange = this.#exchange;
    if (exchange.isOver) return;
    if (this.#isStreaming || exchange.hasStarted) {
      exchange.cut();
      return;
    }
    this.#isStreaming = true;
    const { headers, body } = renderFault(fault, this.#invocationId);
    const timing = report === undefined ? [] : ['server-timing', serverTiming(report.timing, report.start)];
    const all = [...headers, ...(this.#corsHeaders ?? []), ...this.#moreHeaders, ...timing];
    exchange.respond(fault.status, all, Buffer.from(body));
  }

  /** For the end of the turn: what is not whole by now is sent piece by piece. */
  startStreaming(): void {
    if (this.#isStreaming || this.#head === undefined || this.#exchange.isOver) return;
    this.#isStreaming = true;
    this.#exchange.start(this.#head.status, this.#headers(this.#head, false));
    const held = this.#held;
    this.#held = undefined;
    if (this.#head.status >= 500) this.#first = held;
    if (held !== undefined) void this.#exchange.write(held);
  }

  /** A function's Content-Length is believed only where there is no body to measure: a wrong one would desynchronise the connection. */
  #headers(head: ResponseHead, keepsLength: boolean): string[] {
    const headers: string[] = [];
    for (let i = 0; i + 1 < head.headers.length; i += 2) {
      const name = head.headers[i] ?? '';
      const lowerCaseName = name.toLowerCase();
      if (lowerCaseName === 'content-length' && !keepsLength) continue;
      if (isPlatformHeader(lowerCaseName)) continue;
      if (this.#corsHeaders !== undefined && isCorsHeader(lowerCaseName)) continue;
      headers.push(name, head.headers[i + 1] ?? '');
    }
    if (this.#corsHeaders !== undefined) headers.push(...this.#corsHeaders);
    if (this.#moreHeaders.length > 0) headers.push(...this.#moreHeaders);
    headers.push('hearth-invocation-id', this.#invocationId);
    return headers;
  }
}

let turn: ResponseWriter[] = [];

/** One callback of the event loop for all responses that began in this turn. */
function atEndOfTurn(writer: ResponseWriter): void {
  if (turn.push(writer) === 1) setImmediate(endTurn);
}

function endTurn(): void {
  const writers = turn;
  turn = [];
  for (const writer of writers) writer.startStreaming();
}

/** What the platform says of a call, a function cannot. */
function isPlatformHeader(lowerCaseName: string): boolean {
  return lowerCaseName.startsWith('hearth-') || lowerCaseName === 'server-timing';
}
