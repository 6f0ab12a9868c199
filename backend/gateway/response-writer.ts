import type { ServerResponse } from 'node:http';
import type { InvocationReport, ResponseHead, ResponseSink } from '../core/invocation.ts';
import { PatientWriter } from '../util/patient-writer.ts';
import { isCorsHeader } from './cors.ts';
import { type FaultResponse, renderFault } from './fault-responses.ts';

/**
 * Node puts a body that is text into one write with the head, and bytes behind it into a second. Latin-1 maps bytes to characters and
 * back one to one, so a small body travels as text; the copy costs less than the second write.
 */
const oneWriteBytes = 16_384;

/**
 * Writes a function's response to the client as it is produced. The head and the first chunk are held until the end of this turn of
 * the event loop: a response that is whole by then, as most are, leaves in one write with a Content-Length instead of chunks.
 */
export class ResponseWriter implements ResponseSink {
  readonly #response: ServerResponse;
  readonly #invocationId: string;
  readonly #corsHeaders: readonly string[] | undefined;
  #head: ResponseHead | undefined;
  #held: Buffer | undefined;
  #writer: PatientWriter | undefined;
  #isStreaming = false;

  constructor(response: ServerResponse, invocationId: string, corsHeaders: readonly string[] | undefined) {
    this.#response = response;
    this.#invocationId = invocationId;
    this.#corsHeaders = corsHeaders;
  }

  head(head: ResponseHead): void {
    this.#head = head;
    setImmediate(() => this.#startStreaming());
  }

  chunk(data: Buffer): Promise<void> | undefined {
    if (!this.#isStreaming) {
      if (this.#held === undefined) {
        this.#held = data;
        return undefined;
      }
      this.#startStreaming();
    }
    return this.#write(data);
  }

  /** The function's response is complete. */
  finish(report: InvocationReport): void {
    const response = this.#response;
    if (this.#isStreaming) {
      this.#writer?.flush();
      response.end();
      return;
    }
    if (this.#head === undefined) return;
    const held = this.#held;
    const { timing } = report;
    const isHead = response.req.method === 'HEAD';
    const headers = this.#headers(this.#head, isHead);
    headers.push(
      'server-timing',
      `queue;dur=${timing.queuedMs.toFixed(2)}, cold;dur=${timing.acquireMs.toFixed(2)}, exec;dur=${timing.handlerMs.toFixed(2)}`,
    );
    if (!isHead && this.#head.status !== 204 && this.#head.status !== 304)
      headers.push('content-length', String(held?.length ?? 0));
    this.#isStreaming = true;
    response.writeHead(this.#head.status, headers);
    if (held === undefined || held.length > oneWriteBytes) response.end(held);
    else response.end(held.toString('latin1'), 'latin1');
  }

  /** The call failed. Before any byte has left, the client gets a problem document; after that, only a cut connection is honest. */
  fail(fault: FaultResponse): void {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return;
    if (this.#isStreaming || response.headersSent) {
      response.destroy();
      return;
    }
    this.#isStreaming = true;
    const { headers, body } = renderFault(fault, this.#invocationId);
    response.writeHead(fault.status, { ...headers, ...pairsToObject(this.#corsHeaders) });
    response.end(body);
  }

  #startStreaming(): void {
    if (this.#isStreaming || this.#head === undefined || this.#response.destroyed) return;
    this.#isStreaming = true;
    this.#response.writeHead(this.#head.status, this.#headers(this.#head, false));
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) this.#response.flushHeaders();
    else this.#response.write(held);
  }

  #write(data: Buffer): Promise<void> | undefined {
    this.#writer ??= new PatientWriter(this.#response);
    return this.#writer.write(data);
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
    headers.push('hearth-invocation-id', this.#invocationId);
    return headers;
  }
}

/** What the platform says of a call, a function cannot. */
function isPlatformHeader(lowerCaseName: string): boolean {
  return lowerCaseName.startsWith('hearth-') || lowerCaseName === 'server-timing';
}

function pairsToObject(pairs: readonly string[] | undefined): Record<string, string> {
  const object: Record<string, string> = {};
  for (let i = 0; pairs !== undefined && i + 1 < pairs.length; i += 2) object[pairs[i] ?? ''] = pairs[i + 1] ?? '';
  return object;
}
