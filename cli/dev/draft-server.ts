import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { corsHeaders, isCorsHeader, preflightHeaders } from '../../shared/cors.ts';
import {
  bodyOffset,
  type HttpResponseHead,
  headerPairs,
  httpMessageType,
  httpResponseHeadSchema,
  maxMessageHeadBytes,
  messageHead,
} from '../../shared/http-message.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import type { CliContext } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { printable } from '../terminal.ts';
import type { BuiltDraft, CurrentDraft } from './current-draft.ts';

const loopback = '127.0.0.1';
/** Names under which a browser on this machine finds it; any other is that of a site whose name was made to lead here. */
const ownHosts: ReadonlySet<string> = new Set(['localhost', loopback, '[::1]']);
const lengthHeaders: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection']);

/** Answers HTTP on this machine with the draft of a folder, as the gateway would with the function. */
export class DraftServer {
  readonly #context: CliContext;
  readonly #draft: CurrentDraft;
  readonly #server: Server;

  constructor(context: CliContext, draft: CurrentDraft) {
    this.#context = context;
    this.#draft = draft;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Resolves with its address. `port` 0: any that is free. Rejects with a CliError when it is taken. */
  async listen(port: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(port, loopback, resolve);
    try {
      await promise;
    } catch (error) {
      throw new CliError(exitCodes.failure, `cannot listen on ${loopback}:${port}: ${String(error)}`, {
        hint: 'Choose another port: --port 8788',
      });
    }
    return `http://${loopback}:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    // Who is gone needs no answer, and the call is cancelled.
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      if (!ownHosts.has((request.headers.host ?? '').replace(/:\d+$/, '')))
        sendText(response, 403, 'this address is for 127.0.0.1 and localhost');
      else await this.#call(request, response, gone.signal);
    } catch (error) {
      if (!gone.signal.aborted) this.#fail(response, error);
    }
    const status = gone.signal.aborted && !response.writableFinished ? 'gone' : response.statusCode;
    const tookMs = Math.round(performance.now() - startedAt);
    const { terminal } = this.#context;
    const line = `${request.method} ${printable(request.url ?? '')} ${status}`;
    terminal.say(`${line} ${terminal.style('dim', `${tookMs} ms`)}`);
  }

  async #call(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    if (request.headers.upgrade?.toLowerCase() === 'websocket') {
      sendText(response, 501, 'hearth dev has no WebSockets: deploy the function, with promote false, to try them');
      return;
    }
    const body = await buffer(request);
    const draft = await this.#draft.get();
    const { cors } = draft.config;
    if (cors !== null && answerPreflight(request, response, draft.routes, cors)) return;
    const params = draft.routes.match(request.method ?? 'GET', request.url ?? '/')?.params;
    if (params === undefined) {
      sendText(response, 404, `no route of hearth.json takes ${request.method} ${request.url}`);
      return;
    }
    const head = messageHead({
      ...{ method: request.method ?? 'GET', target: request.url ?? '/', params },
      headers: headerPairs(request.rawHeaders),
    });
    const message = new Uint8Array(Buffer.concat([head, body]));
    const answer = await this.#send(draft, message, signal).catch(async (error: unknown) => {
      // It was not called for an hour, newer ones took its place, or the platform was started anew.
      if (!(error instanceof CliError) || error.problem?.code !== 'draft_not_found') throw error;
      return await this.#send(await this.#draft.renew(draft), message, signal);
    });
    await relay(answer, response, cors === null ? undefined : corsHeaders(cors, request.headers.origin));
  }

  #send({ path }: BuiltDraft, message: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Response> {
    const headers = { 'content-type': httpMessageType };
    return this.#context.client.request(`${path}/requests`, { method: 'POST', body: message, headers, signal });
  }

  /** Says to whoever looks at the page what the terminal would: it is their own function. */
  #fail(response: ServerResponse, error: unknown): void {
    const { terminal } = this.#context;
    const message = error instanceof Error ? error.message : String(error);
    terminal.say(terminal.style('red', printable(message)));
    if (response.headersSent) response.destroy();
    else sendText(response, error instanceof CliError ? (error.problem?.status ?? 503) : 500, message);
  }
}

/** Answers a browser that asks before it sends, as the gateway does: false when it does not, or no route takes what it asks for. */
function answerPreflight(
  { method, url = '/', headers }: IncomingMessage,
  response: ServerResponse,
  routes: BuiltDraft['routes'],
  cors: NonNullable<VersionConfig['cors']>,
): boolean {
  const asked = headers['access-control-request-method'];
  if (method !== 'OPTIONS' || headers.origin === undefined || asked === undefined) return false;
  if (routes.match(asked, url) === undefined) return false;
  const answer = preflightHeaders(cors, headers.origin, asked, headers['access-control-request-headers']);
  response.writeHead(204, [...answer]).end();
  return true;
}

/** A function's response as it comes, with the platform's headers for other origins in place of its own where it has such settings. Rejects when it breaks off. */
async function relay(answer: Response, response: ServerResponse, cors: readonly string[] | undefined): Promise<void> {
  const id = answer.headers.get('hearth-invocation-id');
  let first = Buffer.alloc(0);
  if (answer.body !== null) {
    const chunks = answer.body[Symbol.asyncIterator]();
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      first = Buffer.concat([first, next.value]);
      const start = bodyOffset(first);
      if (start !== undefined) {
        writeHead(response, JSON.parse(first.toString('utf8', 0, start)), id, cors);
        await pipeline(rest(first.subarray(start), chunks), response);
        return;
      }
      if (first.length > maxMessageHeadBytes) break;
    }
  }
  throw new CliError(exitCodes.failure, "the platform's answer is no HTTP message", {
    hint: 'Use the CLI that came with the platform.',
  });
}

async function* rest(first: Buffer, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}

function writeHead(
  response: ServerResponse,
  given: unknown,
  invocationId: string | null,
  cors: readonly string[] | undefined,
): void {
  const { status, headers }: HttpResponseHead = httpResponseHeadSchema.parse(given);
  for (const [name, value] of headers) {
    const lowerCaseName = name.toLowerCase();
    if (lengthHeaders.has(lowerCaseName) || (cors !== undefined && isCorsHeader(lowerCaseName))) continue;
    response.appendHeader(name, value);
  }
  for (const [name, value] of headerPairs(cors ?? [])) response.appendHeader(name, value);
  if (invocationId !== null) response.setHeader('hearth-invocation-id', invocationId);
  response.writeHead(status);
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}
