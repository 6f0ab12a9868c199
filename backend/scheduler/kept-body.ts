import { isUtf8 } from 'node:buffer';
import type { ResponseHead, ResponseSink } from '../core/invocation.ts';
import { withoutCredentialHeaders } from '../core/policies/credential-names.ts';

export interface KeptBodyOptions {
  readonly maxBytes: number;
  /** Gets everything too; undefined: nobody listens. */
  readonly next: ResponseSink | undefined;
  /** Of an HTTP response, headers with credentials are left out. */
  readonly leavesOutCredentials?: boolean;
}

/** Keeps a response in memory up to a limit, and passes it on. Over the limit nothing is kept, and the response goes on. */
export class KeptBody implements ResponseSink {
  readonly #options: KeptBodyOptions;
  #head: ResponseHead | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(options: KeptBodyOptions) {
    this.#options = options;
  }

  head(head: ResponseHead): void {
    this.#head = head;
    this.#options.next?.head(head);
  }

  chunk(data: Buffer): Promise<void> | undefined {
    this.#bytes += data.length;
    if (this.#bytes <= this.#options.maxBytes) this.#chunks.push(data);
    else this.#chunks = [];
    return this.#options.next?.chunk(data);
  }

  /**
   * JSON text of what the function answered, or undefined when there was none or it was too large. An event result is its own JSON; an
   * HTTP response becomes `{statusCode, headers, body, isBase64Encoded}`, as in the Lambda payload format 2.0.
   */
  json(): Buffer | undefined {
    if (this.#head === undefined || this.#bytes > this.#options.maxBytes) return undefined;
    const body = Buffer.concat(this.#chunks);
    if (this.#head.isEventResult) return body.length === 0 ? undefined : body;
    const isText = isUtf8(body);
    const headers: Record<string, string> = {};
    const { leavesOutCredentials = false } = this.#options;
    const given = leavesOutCredentials ? withoutCredentialHeaders(this.#head.headers).headers : this.#head.headers;
    for (let i = 0; i + 1 < given.length; i += 2) {
      const name = (given[i] ?? '').toLowerCase();
      const value = given[i + 1] ?? '';
      headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value;
    }
    const document = {
      statusCode: this.#head.status,
      headers,
      body: body.toString(isText ? 'utf8' : 'base64'),
      isBase64Encoded: !isText,
    };
    return Buffer.from(JSON.stringify(document));
  }
}
