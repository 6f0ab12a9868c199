import { abortReason, Context } from './context.ts';
import { describeError, NamedError, type StackPaths } from './errors.ts';
import { IncomingBody } from './incoming-body.ts';
import { type LogCapture, type LogOwner, newLogMeter } from './logs.ts';
import type { CancelReason, InitMessage, InvokeMeta } from './messages.ts';
import { stringifyJson, utf8Length } from './originals.ts';
import { cpuMicroseconds, usageJson } from './usage.ts';
import { acceptWebSocket, type FunctionWebSocket, type UpgradedWebSocket, type UpgradeOptions } from './web-socket.ts';
import { type FrameWriter, flagEnd, frameTypes, initialCreditBytes, maxChunkBytes } from './wire.ts';

/** Where frames go. */
interface Outlet {
  readonly writer: FrameWriter;
  flush(): void;
}

/** What calls share: the loaded function and the way to the host. */
export interface CallEnvironment {
  readonly channel: Outlet;
  readonly logs: LogCapture;
  readonly init: InitMessage;
  readonly paths: StackPaths;
  /** The call is over for the host too. */
  readonly ended: (call: Call) => void;
}

/** Status and headers as JSON text: the beginning of a RESPONSE meta, without its closing brace. */
export type HeadJson = string;

/** Text up to this many UTF-16 units is encoded straight into the frame. */
const directTextUnits = 262_144;

/** One invocation inside the agent. */
export class Call implements LogOwner {
  readonly id: number;
  readonly meta: InvokeMeta;
  readonly context: Context;
  readonly body: IncomingBody;
  readonly log = newLogMeter();
  readonly #env: CallEnvironment;
  readonly #cpuAtStart = cpuMicroseconds();
  /** How many calls ran in one go with this one, so that each reports its share. */
  sharedBy = 1;
  /** Accepted by the handler; open once its response is returned. */
  webSocket: FunctionWebSocket | undefined;
  #isOver = false;
  #hasResponded = false;
  #cancelled: Error | undefined;
  #creditBytes = initialCreditBytes;
  #onCredit: (() => void) | undefined;
  #work: Promise<unknown>[] = [];

  constructor(env: CallEnvironment, id: number, meta: InvokeMeta, first: Buffer, isComplete: boolean) {
    this.#env = env;
    this.id = id;
    this.meta = meta;
    this.body = new IncomingBody(first, isComplete, (bytes) => {
      if (this.#isOver) return;
      env.channel.writer.u32(frameTypes.window, id, bytes);
      env.channel.flush();
    });
    this.context = new Context(
      env.init,
      meta,
      (work) => this.#addWork(work),
      (options) => this.#upgrade(options),
    );
  }

  get logId(): number {
    return this.#isOver ? 0 : this.id;
  }
  get isOver(): boolean {
    return this.#isOver;
  }
  /** Throws when the call was cancelled before its handler began: there is no use in beginning it. */
  expectWanted(): void {
    if (this.#cancelled !== undefined) throw this.#cancelled;
  }

  /** Answers with a body that is whole. */
  async respond(head: HeadJson, body: Buffer | string): Promise<void> {
    if (this.#isOver || this.#hasResponded) return;
    const isDirect = typeof body === 'string' && body.length <= directTextUnits;
    const bytes = isDirect || typeof body !== 'string' ? body : Buffer.from(body);
    const length = typeof bytes === 'string' ? bytes.length * 3 : bytes.length;
    const { maxResponseBytes } = this.#env.init;
    if (length > maxResponseBytes && utf8Size(bytes) > maxResponseBytes) {
      this.#respondTooLarge(utf8Size(bytes));
      return;
    }
    if (length <= initialCreditBytes) {
      this.#env.logs.flushPartial(this);
      const background = this.#work.length > 0;
      this.#hasResponded = true;
      const meta = `${head},${usageJson(this.#cpuAtStart, this.sharedBy)}${background ? ',"background":true}' : '}'}`;
      this.#env.channel.writer.meta(frameTypes.response, flagEnd, this.id, meta, bytes);
      this.#env.channel.flush();
      await this.#finish(background);
      return;
    }
    this.start(head);
    await this.write(bytes as Buffer);
    await this.end();
  }

  /** Begins a streamed response. */
  start(head: HeadJson): void {
    if (this.#isOver || this.#hasResponded) return;
    this.#hasResponded = true;
    this.#env.channel.writer.meta(frameTypes.response, 0, this.id, `${head}}`, '');
    this.#env.channel.flush();
  }

  /** Sends a part of a streamed response; resolves when it is on its way. Rejects when nobody wants it any more. */
  async write(bytes: Uint8Array): Promise<void> {
    let offset = 0;
    while (offset < bytes.length) {
      if (this.#cancelled !== undefined) throw this.#cancelled;
      if (this.#isOver) return;
      if (this.#creditBytes <= 0) {
        await new Promise<void>((resolve) => {
          this.#onCredit = resolve;
        });
        continue;
      }
      const size = Math.min(bytes.length - offset, this.#creditBytes, maxChunkBytes);
      this.#creditBytes -= size;
      this.#env.channel.writer.raw(frameTypes.body, 0, this.id, bytes.subarray(offset, offset + size));
      this.#env.channel.flush();
      offset += size;
    }
  }

  /** Ends a streamed response. */
  async end(): Promise<void> {
    if (this.#isOver || !this.#hasResponded) return;
    this.#env.logs.flushPartial(this);
    const background = this.#work.length > 0;
    this.#end(background);
    await this.#finish(background);
  }

  /** Ends the call with what was thrown. */
  fail(thrown: unknown, fatal = false): void {
    if (this.#isOver) return;
    this.#env.logs.flushPartial(this);
    const { type, message, stack } = describeError(thrown, this.#env.paths);
    const text = stringifyJson({ type, message, stack }) ?? '{}';
    const usage = usageJson(this.#cpuAtStart, this.sharedBy);
    const json = `${text.slice(0, -1)},${usage},"fatal":${fatal}}`;
    this.#env.channel.writer.text(frameTypes.error, 0, this.id, json);
    this.#env.channel.flush();
    this.#over();
  }

  cancel(reason: CancelReason): void {
    if (this.#isOver || this.#cancelled !== undefined) return;
    const error = abortReason(reason);
    this.#cancelled = error;
    this.body.fail(error);
    this.#wake();
    Context.abort(this.context, error);
  }

  addCredit(bytes: number): void {
    this.#creditBytes += bytes;
    this.#wake();
  }

  #wake(): void {
    const wake = this.#onCredit;
    this.#onCredit = undefined;
    wake?.();
  }

  /** The host makes it `response-too-large` from the length alone. */
  #respondTooLarge(bytes: number): void {
    this.start(`{"status":200,"headers":["content-length","${bytes}"]`);
    this.#end(false);
    this.#over();
  }

  /** For errors that are nobody's answer. */
  logError(where: string, thrown: unknown): void {
    const { type, message, stack } = describeError(thrown, this.#env.paths);
    this.#env.logs.write(this, 'error', `${where}: ${stack === '' ? `${type}: ${message}` : stack}`);
  }

  #upgrade(options: UpgradeOptions): UpgradedWebSocket {
    const { meta } = this;
    if (meta.kind !== 'http' || meta.webSocket !== true)
      throw new TypeError('this request does not ask for a WebSocket; answer it with status 426');
    if (this.webSocket !== undefined) throw new TypeError('the WebSocket of this request was accepted already');
    const upgraded = acceptWebSocket(this, meta, options);
    this.webSocket = upgraded.socket;
    return upgraded;
  }

  #addWork(work: Promise<unknown>): void {
    if (this.#isOver) return;
    const watched = work.catch((error: unknown) => this.logError('waitUntil', error));
    this.#work[this.#work.length] = watched;
  }

  async #finish(background: boolean): Promise<void> {
    if (!background) {
      this.#over();
      return;
    }
    while (this.#work.length > 0) await Promise.all(this.#work.splice(0));
    if (this.#isOver) return;
    this.#env.logs.flushPartial(this);
    this.#end(false);
    this.#over();
  }

  #end(background: boolean): void {
    const usage = usageJson(this.#cpuAtStart, this.sharedBy);
    this.#env.channel.writer.text(frameTypes.end, 0, this.id, `{${usage}${background ? ',"background":true}' : '}'}`);
    this.#env.channel.flush();
  }

  #over(): void {
    this.#isOver = true;
    this.#wake();
    this.#env.ended(this);
  }
}

function utf8Size(body: Buffer | string): number {
  return typeof body === 'string' ? utf8Length(body) : body.length;
}

/** JSON of what a handler returned; undefined and functions are null. Rejects what JSON cannot say, in words for the user. */
export function resultJson(value: unknown): string {
  try {
    return stringifyJson(value) ?? 'null';
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new NamedError('InvalidResult', `what the handler returned cannot be sent as JSON: ${why}`);
  }
}
