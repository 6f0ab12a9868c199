import { Agent, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { describeEndpoint, type EngineEndpoint } from './endpoint.ts';
import { abortedError, connectionError, slowError, statusError } from './engine-errors.ts';

export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'HEAD';
  /** With the version prefix and the query. */
  readonly path: string;
  /** An object goes as JSON, a stream as a tar archive. */
  readonly body?: object | Readable;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  /** Until the head of the response is there; Infinity for streams that begin late. */
  readonly timeoutMs: number;
  /** Statuses beside 2xx that are no error; 304 says "is so already". */
  readonly accept?: readonly number[];
}

/** Answers are small documents, and an inspection is the largest; more than this is no answer of a daemon. */
const maxAnswerBytes = 32 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;
/** The daemon closes idle connections after some minutes; we do earlier. */
const idleSocketMs = 30_000;

/** HTTP over the daemon's socket: statuses and broken connections become errors that say what to do. */
export class EngineHttp {
  readonly endpoint: EngineEndpoint;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 8, timeout: 0, keepAliveMsecs: idleSocketMs });

  constructor(endpoint: EngineEndpoint) {
    this.endpoint = endpoint;
  }

  /** The response once its head is there. The caller reads or destroys its body. */
  async send(options: EngineRequest): Promise<IncomingMessage> {
    const response = await this.#sendOnce(options, options.method === 'GET');
    const status = response.statusCode ?? 0;
    if ((status >= 200 && status < 300) || options.accept?.includes(status)) return response;
    const body = await readText(response, maxErrorBytes, this.endpoint).catch(() => '');
    throw statusError({ status, method: options.method, path: options.path, body });
  }

  /** The whole answer as text. */
  async text(options: EngineRequest): Promise<{ readonly response: IncomingMessage; readonly text: string }> {
    const response = await this.send(options);
    const onAbort = (): void => void response.destroy(abortedError());
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return { response, text: await readText(response, maxAnswerBytes, this.endpoint) };
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Closes idle connections; those in use end with their requests. */
  close(): void {
    this.#agent.destroy();
  }

  #sendOnce(options: EngineRequest, mayRepeat: boolean): Promise<IncomingMessage> {
    const { endpoint } = this;
    if (endpoint.kind === 'none') return Promise.reject(endpoint.error);
    if (options.signal?.aborted) return Promise.reject(abortedError(options.signal.reason));
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { payload, stream, headers } = encode(options);
    const request = httpRequest({
      agent: this.#agent,
      ...(endpoint.kind === 'unix'
        ? { socketPath: endpoint.socketPath }
        : { host: endpoint.host, port: endpoint.port }),
      method: options.method,
      path: options.path,
      headers: { host: 'docker', ...options.headers, ...headers },
    });
    const fail = (error: unknown): void => void request.destroy(error instanceof Error ? error : undefined);
    const onAbort = (): void => fail(abortedError(options.signal?.reason));
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const timer = Number.isFinite(options.timeoutMs)
      ? setTimeout(() => fail(slowError(endpoint, options.timeoutMs)), options.timeoutMs)
      : undefined;
    const settle = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    request.once('response', (response) => {
      settle();
      resolve(response);
    });
    request.on('error', (error) => {
      settle();
      // The daemon closed an idle connection at the moment when we used it: nothing was done yet.
      if (mayRepeat && request.reusedSocket && 'code' in error && error.code === 'ECONNRESET') {
        resolve(this.#sendOnce(options, false));
      } else reject(connectionError(endpoint, error));
    });
    if (stream === undefined) request.end(payload);
    else {
      stream.once('error', fail);
      request.once('close', () => stream.destroy());
      stream.pipe(request);
    }
    return promise;
  }

  toString(): string {
    return describeEndpoint(this.endpoint);
  }
}

interface EncodedBody {
  readonly payload?: Buffer;
  readonly stream?: Readable;
  /** That say what the body is. */
  readonly headers: OutgoingHttpHeaders;
}

function encode({ body, method }: EngineRequest): EncodedBody {
  if (body === undefined) return { headers: method === 'POST' ? { 'content-length': 0 } : {} };
  if (isStream(body)) return { stream: body, headers: { 'content-type': 'application/x-tar' } };
  const payload = Buffer.from(JSON.stringify(body));
  return { payload, headers: { 'content-type': 'application/json', 'content-length': payload.length } };
}

function isStream(body: object | Readable): body is Readable {
  return 'pipe' in body;
}

async function readText(response: IncomingMessage, maxBytes: number, endpoint: EngineEndpoint): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw new Error(`an answer of more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw connectionError(endpoint, error);
  }
  return Buffer.concat(chunks).toString('utf8');
}
