import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import {
  bodyOffset,
  type HttpResponseHead,
  headerPairs,
  httpMessageType,
  httpResponseHeadSchema,
  maxMessageHeadBytes,
  messageHead,
} from '../../shared/http-message.ts';
import type { Manifest } from '../../shared/manifest.ts';
import { parseRoutePattern, splitPath } from '../../shared/route-pattern.ts';
import { RouteTrie } from '../../shared/route-trie.ts';
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
    const body = await buffer(request);
    const draft = await this.#draft.get();
    const answer = await this.#send(request, body, draft, signal).catch(async (error: unknown) => {
      // It was not called for an hour, newer ones took its place, or the platform was started anew.
      if (!(error instanceof CliError) || error.problem?.code !== 'draft_not_found') throw error;
      return await this.#send(request, body, await this.#draft.renew(draft), signal);
    });
    if (answer === undefined) {
      sendText(response, 404, `no route of hearth.json takes ${request.method} ${request.url}`);
      return;
    }
    await relay(answer, response);
  }

  /** Undefined when no route of the function takes the request. */
  async #send(
    request: IncomingMessage,
    body: Buffer,
    { path, manifest }: BuiltDraft,
    signal: AbortSignal,
  ): Promise<Response | undefined> {
    const { method = 'GET', url: target = '/' } = request;
    const params = paramsOf(manifest, method, target);
    if (params === undefined) return undefined;
    const head = messageHead({ method, target, headers: headerPairs(request.rawHeaders), params });
    return await this.#context.client.request(`${path}/requests`, {
      method: 'POST',
      body: new Uint8Array(Buffer.concat([head, body])),
      headers: { 'content-type': httpMessageType },
      signal,
    });
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

/** Parameters of the route that takes it, none where the function has no routes; undefined when none of them does. */
function paramsOf({ routes = [] }: Manifest, method: string, target: string): Record<string, string> | undefined {
  if (routes.length === 0) return {};
  const trie = new RouteTrie<true>();
  for (const route of routes) trie.add(parseRoutePattern(route.path), route.methods ?? [], true);
  const path = splitPath(target.split('?', 1)[0] ?? '');
  const found = path && trie.match(method, path);
  return found?.kind === 'match' ? { ...found.params } : undefined;
}

/** A function's response as it comes. Rejects when it breaks off. */
async function relay(answer: Response, response: ServerResponse): Promise<void> {
  const id = answer.headers.get('hearth-invocation-id');
  const chunks = (answer.body ?? new ReadableStream<Uint8Array>())[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  for (;;) {
    const start = bodyOffset(first);
    if (start !== undefined) {
      writeHead(response, JSON.parse(first.toString('utf8', 0, start)), id);
      await pipeline(rest(first.subarray(start), chunks), response);
      return;
    }
    const { value, done } = await chunks.next();
    if (done === true || first.length > maxMessageHeadBytes)
      throw new CliError(exitCodes.failure, "the platform's answer is no HTTP message", {
        hint: 'Use the CLI that came with the platform.',
      });
    first = Buffer.concat([first, value]);
  }
}

async function* rest(first: Buffer, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}

function writeHead(response: ServerResponse, given: unknown, invocationId: string | null): void {
  const { status, headers }: HttpResponseHead = httpResponseHeadSchema.parse(given);
  for (const [name, value] of headers) if (!lengthHeaders.has(name.toLowerCase())) response.appendHeader(name, value);
  if (invocationId !== null) response.setHeader('hearth-invocation-id', invocationId);
  response.writeHead(status);
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}
