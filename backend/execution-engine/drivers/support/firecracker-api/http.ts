import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { abortedError, connectionError, refusalError, slowError } from './errors.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'PUT' | 'PATCH';
  readonly path: string;
  readonly body?: object;
  readonly signal: AbortSignal | undefined;
  /** Until the whole answer is there. Snapshots write all memory and take longer than the rest. */
  readonly timeoutMs: number;
}

/** Its largest answer is the configuration of a microVM; more than this is no answer of Firecracker. */
const maxAnswerBytes = 256 * 1024;

/**
 * HTTP/1.1 over the Unix socket of one Firecracker. One request at a time: it handles them one after the other anyway, and an order that
 * is kept here cannot be mixed up there.
 */
export class ApiHttp {
  readonly socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** The answer's body as JSON, or undefined for 204. Every other outcome is a `PlatformError` that says what to do. */
  async send(options: ApiRequest): Promise<unknown> {
    const { method, path } = options;
    const { status, text } = await this.#exchange(options);
    if (status === 204) return undefined;
    if (status !== 200) throw refusalError({ status, method, path, body: text });
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw connectionError(this.socketPath, cause);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(options: ApiRequest): Promise<{ readonly status: number; readonly text: string }> {
    const { method, path, signal, timeoutMs } = options;
    if (signal?.aborted) return Promise.reject(abortedError());
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const payload = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
    const request = httpRequest({
      agent: this.#agent,
      socketPath: this.socketPath,
      method,
      path,
      headers: {
        host: 'localhost',
        accept: 'application/json',
        ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length }),
      },
    });
    const fail = (error: Error): void => void request.destroy(error);
    const onAbort = (): void => fail(abortedError());
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => fail(slowError(method, path, timeoutMs)), timeoutMs);
    promise
      .finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      })
      .catch(() => undefined);
    request.once('response', (response) => {
      readText(response).then(
        (text) => resolve({ status: response.statusCode ?? 0, text }),
        (error: unknown) => reject(connectionError(this.socketPath, error)),
      );
    });
    request.on('error', (error) => reject(connectionError(this.socketPath, error)));
    request.end(payload);
    return promise;
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxAnswerBytes) throw new Error(`an answer of more than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
