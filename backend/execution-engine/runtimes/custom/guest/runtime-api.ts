import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Call } from '../../nodejs/guest/call.ts';
import { clockOffset } from '../../nodejs/guest/context.ts';
import { NamedError } from '../../nodejs/guest/errors.ts';
import { httpEvent } from '../../nodejs/guest/http-event.ts';
import type { InitMessage, InvokeMeta } from '../../nodejs/guest/messages.ts';
import { readAnswer, readError } from './answers.ts';

export interface RuntimeApiOptions {
  /** `bootstrap` has asked for its first invocation: it is ready. */
  readonly onFirstNext: () => void;
  /** `bootstrap` has said that it cannot start. */
  readonly onInitError: (error: Error) => void;
}

const prefix = '/2018-06-01/runtime/';
const nullEvent = Buffer.from('null');

/** A call that `bootstrap` has. */
interface HandedOut {
  readonly call: Call;
  /** Its answer is being read. */
  isAnswering: boolean;
}

/**
 * The AWS Lambda Runtime API, version 2018-06-01 (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), on the sandbox's own
 * loopback. Several `next` may wait at once; each gets one call.
 */
export class RuntimeApi {
  readonly #options: RuntimeApiOptions;
  readonly #server: Server;
  readonly #queue: { readonly call: Call; readonly event: Buffer }[] = [];
  readonly #pollers: ServerResponse[] = [];
  readonly #handedOut = new Map<string, HandedOut>();
  #init: InitMessage | undefined;
  #hasPolled = false;

  constructor(options: RuntimeApiOptions) {
    this.#options = options;
    const { createServer } = process.getBuiltinModule('node:http');
    this.#server = createServer((request, response) => void this.#handle(request, response));
    // `next` waits as long as it takes, and an answer may be streamed for as long as its call may run.
    Object.assign(this.#server, { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0, timeout: 0 });
  }

  /** Resolves with the port; `0` takes any. */
  listen(port = 0): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  /** From now on calls may come. */
  serve(init: InitMessage): void {
    this.#init = init;
  }

  /** The only call that `bootstrap` has, if there is exactly one. */
  get soleHandedOut(): Call | undefined {
    if (this.#handedOut.size !== 1) return undefined;
    for (const { call } of this.#handedOut.values()) return call;
    return undefined;
  }

  isHandedOut(call: Call): boolean {
    return this.#handedOut.get(call.meta.invocationId)?.call === call;
  }

  /** Gives the call to `bootstrap` as soon as its body is whole and somebody asks. Never rejects. */
  async offer(call: Call): Promise<void> {
    try {
      const body = call.body.complete ?? (await call.body.whole());
      if (call.isOver || this.#init === undefined) return;
      const event = eventOf(call.meta, body, this.#init);
      const poller = this.#pollers.shift();
      if (poller === undefined) this.#queue.push({ call, event });
      else this.#handOut(poller, call, event);
    } catch (error) {
      call.fail(error);
    }
  }

  /** The call is over. */
  forget(call: Call): void {
    if (this.isHandedOut(call)) this.#handedOut.delete(call.meta.invocationId);
    const at = this.#queue.findIndex((waiting) => waiting.call === call);
    if (at >= 0) this.#queue.splice(at, 1);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that hangs up is not an error of ours.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const route = `${request.method} ${path.startsWith(prefix) ? path.slice(prefix.length) : path}`;
    const named = /^POST invocation\/([^/]+)\/(response|error)$/.exec(route);
    try {
      if (route === 'GET invocation/next') this.#next(response);
      else if (route === 'POST init/error') await this.#initError(request, response);
      else if (named !== null) await this.#answer(request, response, named[1] ?? '', named[2] === 'error');
      else refuse(response, 404, 'NotFound', `there is no ${request.method} ${path} in the Runtime API of 2018-06-01`);
    } catch {
      // The request broke off; there is nobody to answer.
      response.destroy();
    }
  }

  #next(response: ServerResponse): void {
    if (this.#init?.concurrency === 1) this.#endUnanswered();
    if (!this.#hasPolled) {
      this.#hasPolled = true;
      this.#options.onFirstNext();
    }
    const waiting = this.#queue.shift();
    if (waiting !== undefined) {
      this.#handOut(response, waiting.call, waiting.event);
      return;
    }
    this.#pollers.push(response);
    response.once('close', () => {
      const at = this.#pollers.indexOf(response);
      if (at >= 0) this.#pollers.splice(at, 1);
    });
  }

  /** One call at a time, and it asks for another: it will not answer the one that it has. */
  #endUnanswered(): void {
    for (const { call, isAnswering } of [...this.#handedOut.values()]) {
      if (isAnswering) continue;
      call.fail(
        new NamedError('Runtime.NoResponse', 'bootstrap asked for the next invocation without answering this one'),
      );
    }
  }

  #handOut(response: ServerResponse, call: Call, event: Buffer): void {
    const { context, meta } = call;
    this.#handedOut.set(meta.invocationId, { call, isAnswering: false });
    const trace = traceId(meta.traceparent);
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': event.length,
      'lambda-runtime-aws-request-id': meta.invocationId,
      'lambda-runtime-deadline-ms': String(Math.round(meta.deadlineMs - clockOffset.ms)),
      'lambda-runtime-invoked-function-arn': context.invokedFunctionArn,
      ...(trace === undefined ? {} : { 'lambda-runtime-trace-id': trace }),
      ...(meta.traceparent === undefined ? {} : { traceparent: meta.traceparent }),
      ...(meta.callChain === undefined ? {} : { 'hearth-call-chain': meta.callChain }),
    });
    response.end(event);
  }

  async #answer(request: IncomingMessage, response: ServerResponse, id: string, isError: boolean): Promise<void> {
    const held = this.#handedOut.get(id);
    if (held === undefined || held.isAnswering || this.#init === undefined) {
      request.resume();
      const why = held === undefined ? 'is not running' : 'is being answered already';
      refuse(response, held === undefined ? 400 : 403, 'InvalidRequestID', `invocation ${id} ${why}`);
      return;
    }
    held.isAnswering = true;
    const { call } = held;
    if (isError) {
      const error = await readError(request);
      await outputRead();
      call.fail(error);
    } else if (!(await readAnswer(request, call, this.#init, outputRead))) {
      const message = `the response has more than ${this.#init.maxResponseBytes} bytes (maxResponseBytes)`;
      refuse(response, 413, 'RequestEntityTooLarge', message);
      return;
    }
    accept(response);
  }

  async #initError(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#hasPolled) {
      request.resume();
      refuse(response, 403, 'InvalidStateTransition', 'init/error comes before the first invocation/next');
      return;
    }
    const error = await readError(request);
    await outputRead();
    accept(response, () => this.#options.onInitError(error));
  }
}

/** What was printed before an answer was sent is in its pipe by now; one turn of the event loop reads it, so that it belongs to that call. */
function outputRead(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function eventOf(meta: InvokeMeta, body: Buffer, init: InitMessage): Buffer {
  if (meta.kind === 'event') return body.length === 0 ? nullEvent : body;
  return Buffer.from(JSON.stringify(httpEvent(meta, body, init.functionName, Date.now() + clockOffset.ms)));
}

/** W3C trace context as AWS X-Ray writes it. */
function traceId(traceparent: string | undefined): string | undefined {
  const match = /^00-([0-9a-f]{8})([0-9a-f]{24})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '');
  if (match === null) return undefined;
  return `Root=1-${match[1]}-${match[2]};Parent=${match[3]};Sampled=${Number.parseInt(match[4] ?? '0', 16) & 1}`;
}

function accept(response: ServerResponse, done?: () => void): void {
  response.writeHead(202, { 'content-type': 'application/json' });
  response.end('{"status":"OK"}', done);
}

function refuse(response: ServerResponse, status: number, errorType: string, errorMessage: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errorMessage, errorType }));
}
