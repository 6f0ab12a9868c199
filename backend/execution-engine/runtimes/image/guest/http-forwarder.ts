import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Call } from '../../nodejs/guest/call.ts';
import { NamedError } from '../../nodejs/guest/errors.ts';
import { eventHead, headJson } from '../../nodejs/guest/head.ts';
import type { HttpMeta } from '../../nodejs/guest/messages.ts';
import { sendStream } from '../../nodejs/guest/streams.ts';
import { connects } from './readiness.ts';

const jsonType = /^application\/([^;]*\+)?json\b/i;
/** How long after the program's end the driver may take to report it. */
const endPatienceMs = 2000;
/** What is set anew for each request. */
const ours = new Set(['host', 'content-length', 'transfer-encoding', 'traceparent']);

/** Makes each call a request to the program's port, and its response the response of the call, both as they come. */
export class HttpForwarder {
  readonly #port: number;
  readonly #agent: Agent;
  readonly #running = new Map<Call, ClientRequest>();

  constructor(port: number) {
    this.#port = port;
    const { Agent: HttpAgent } = process.getBuiltinModule('node:http');
    this.#agent = new HttpAgent({ keepAlive: true, maxFreeSockets: 32 });
  }

  /** Never rejects. A request that never reached the program, on a connection that it had closed meanwhile, is sent once more. */
  async forward(call: Call): Promise<void> {
    try {
      let response: IncomingMessage;
      try {
        response = await this.#send(call);
      } catch (error) {
        if (!(error instanceof StaleConnection)) throw error;
        response = await this.#send(call);
      }
      await this.#pass(call, response);
    } catch (error) {
      if (!(error instanceof NamedError) && !call.isOver) await this.#awaitEnd();
      call.fail(error instanceof NamedError ? error : broken(error));
    } finally {
      this.#running.delete(call);
    }
  }

  /** A program that no longer listens has ended, as the driver is about to find out: that is the better answer, and ends this agent. */
  async #awaitEnd(): Promise<void> {
    if (await connects(this.#port)) return;
    await new Promise((resolve) => setTimeout(resolve, endPatienceMs));
  }

  /** Ends the request of this call, if there is one. */
  cancel(call: Call): boolean {
    const request = this.#running.get(call);
    this.#running.delete(call);
    request?.destroy();
    return request !== undefined;
  }

  #send(call: Call): Promise<IncomingMessage> {
    const { request } = process.getBuiltinModule('node:http');
    const { meta } = call;
    const target = meta.kind === 'http' ? { method: meta.method, path: meta.target } : { method: 'POST', path: '/' };
    const given = call.body.complete;
    const body = meta.kind === 'event' && given?.length === 0 ? Buffer.from('null') : given;
    return new Promise((resolve, reject) => {
      const sent = request({
        agent: this.#agent,
        host: '127.0.0.1',
        port: this.#port,
        ...target,
        headers: headersOf(call, body?.length),
        setHost: false,
      });
      this.#running.set(call, sent);
      sent.once('response', resolve);
      sent.once('error', (error: Error & { code?: string }) => {
        const isStale = sent.reusedSocket && error.code === 'ECONNRESET' && body !== undefined;
        reject(isStale ? new StaleConnection() : error);
      });
      if (body !== undefined) sent.end(body);
      else void pump(call, sent);
    });
  }

  async #pass(call: Call, response: IncomingMessage): Promise<void> {
    const status = response.statusCode ?? 502;
    const type = response.headers['content-type'] ?? '';
    if (call.meta.kind === 'event' && status >= 200 && status < 300 && jsonType.test(type)) {
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      await call.respond(eventHead, body.length === 0 ? 'null' : body);
      return;
    }
    const head = headJson(status, response.rawHeaders);
    const isBodiless = status === 204 || status === 304 || (call.meta.kind === 'http' && call.meta.method === 'HEAD');
    if (!isBodiless) {
      await sendStream(call, response, head);
      return;
    }
    response.resume();
    await call.respond(head, '');
  }
}

class StaleConnection extends Error {}

async function pump(call: Call, sent: ClientRequest): Promise<void> {
  try {
    for await (const chunk of call.body.stream() as unknown as AsyncIterable<Uint8Array>) {
      if (!sent.write(chunk)) await new Promise((resolve) => sent.once('drain', resolve).once('close', resolve));
      if (sent.destroyed) return;
    }
    sent.end();
  } catch (error) {
    sent.destroy(error instanceof Error ? error : undefined);
  }
}

/** Those of the caller (the host has taken out what belongs to one connection), and what a proxy adds. */
function headersOf({ meta }: Call, bodyBytes: number | undefined): string[] {
  const headers = [
    'hearth-invocation-id',
    meta.invocationId,
    'hearth-deadline-ms',
    String(Math.round(meta.deadlineMs)),
  ];
  if (meta.traceparent !== undefined) headers.push('traceparent', meta.traceparent);
  if (meta.callChain !== undefined) headers.push('hearth-call-chain', meta.callChain);
  if (bodyBytes === undefined) headers.push('transfer-encoding', 'chunked');
  if (meta.kind === 'event')
    return [...headers, 'host', 'localhost', 'content-type', 'application/json', 'content-length', String(bodyBytes)];
  return [
    ...headers,
    ...callerHeaders(meta),
    ...(bodyBytes === undefined ? [] : ['content-length', String(bodyBytes)]),
  ];
}

function callerHeaders(meta: HttpMeta): string[] {
  const headers = ['host', meta.host];
  const seen = new Set(['host']);
  for (let i = 0; i + 1 < meta.headers.length; i += 2) {
    const name = (meta.headers[i] as string).toLowerCase();
    seen.add(name);
    if (!ours.has(name)) headers.push(meta.headers[i] as string, meta.headers[i + 1] as string);
  }
  const forwarded = {
    'x-forwarded-for': meta.clientAddress,
    'x-forwarded-proto': meta.scheme,
    'x-forwarded-host': meta.host,
  };
  for (const [name, value] of Object.entries(forwarded)) if (!seen.has(name)) headers.push(name, value);
  return headers;
}

function broken(cause: unknown): NamedError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new NamedError('ConnectionFailed', `the container did not answer: ${why}`);
}
