import type { CancelReason, InitMessage, InvokeMeta } from './messages.ts';
import { dateNow } from './originals.ts';
import type { UpgradedWebSocket, UpgradeOptions } from './web-socket.ts';

/** After a restore from a snapshot the clock inside may be behind: what to add to Date.now(). */
export const clockOffset = { ms: 0 };

/** What a handler gets as its second argument: Hearth's names, and AWS Lambda's for handlers that were written for it. */
export class Context {
  readonly invocationId: string;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly memoryLimitMb: number;
  /** Wall clock, milliseconds since 1970. */
  readonly deadlineMs: number;
  /** 1 for the first. */
  readonly attempt: number;
  readonly trigger: string;
  readonly depth: number;
  readonly traceparent: string | undefined;
  readonly awsRequestId: string;
  readonly memoryLimitInMB: string;
  readonly invokedFunctionArn: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  callbackWaitsForEmptyEventLoop = false;
  readonly #callChain: string | undefined;
  #abort: AbortController | undefined;
  #reason: Error | undefined;
  readonly #waitUntil: (work: Promise<unknown>) => void;
  readonly #upgrade: (options: UpgradeOptions) => UpgradedWebSocket;

  constructor(
    init: InitMessage,
    meta: InvokeMeta,
    waitUntil: (work: Promise<unknown>) => void,
    upgrade: (options: UpgradeOptions) => UpgradedWebSocket,
  ) {
    const { functionName, memoryLimitMb } = init;
    this.invocationId = meta.invocationId;
    this.functionName = functionName;
    this.functionVersion = String(init.functionVersion);
    this.memoryLimitMb = memoryLimitMb;
    this.deadlineMs = meta.deadlineMs;
    this.attempt = meta.attempt;
    this.trigger = meta.trigger;
    this.depth = meta.depth;
    this.traceparent = meta.traceparent;
    this.#callChain = meta.callChain;
    this.awsRequestId = meta.invocationId;
    this.memoryLimitInMB = String(memoryLimitMb);
    this.invokedFunctionArn = `arn:aws:lambda:local:000000000000:function:${functionName}:${this.functionVersion}`;
    this.logGroupName = `/hearth/${functionName}`;
    this.logStreamName = this.functionVersion;
    this.#waitUntil = waitUntil;
    this.#upgrade = upgrade;
  }

  /** Fires when the deadline passes (TimeoutError) or the caller is gone (AbortError). */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }

  getRemainingTimeInMillis(): number {
    return Math.max(0, this.deadlineMs - dateNow() - clockOffset.ms);
  }

  /**
   * For calls of other functions through the gateway or the API, `fetch(url, { headers: context.callHeaders() })`: they become part of this call's trace,
   * end no later than it does, and loops are found. Not sent by itself, because only the author knows which hosts may see it.
   */
  callHeaders(): Record<string, string> {
    return {
      ...(this.traceparent === undefined ? {} : { traceparent: this.traceparent }),
      ...(this.#callChain === undefined ? {} : { 'hearth-call-chain': this.#callChain }),
    };
  }

  /** Keeps the instance busy until `work` settles or the deadline passes; the response does not wait for it. */
  waitUntil(work: unknown): void {
    this.#waitUntil(Promise.resolve(work));
  }

  /**
   * Accepts the WebSocket that this request asks for: return `response`, and `socket` is open. The request may be left out; it is there because
   * Deno's function takes it. Throws when the request asks for none.
   */
  upgradeWebSocket(_request?: unknown, options?: UpgradeOptions): UpgradedWebSocket {
    return this.#upgrade(options ?? {});
  }

  /** Part of the fetch-style contract of Cloudflare Workers; there is no origin to pass through to. */
  passThroughOnException(): void {}

  /** For the agent: fires `signal`. */
  static abort(context: Context, reason: Error): void {
    context.#reason = reason;
    context.#abort?.abort(reason);
  }
}

export function abortReason(reason: CancelReason): DOMException {
  if (reason === 'deadline') return new DOMException('the deadline of this invocation has passed', 'TimeoutError');
  if (reason === 'shutdown') return new DOMException('the instance is shutting down', 'AbortError');
  return new DOMException('the caller disconnected', 'AbortError');
}
