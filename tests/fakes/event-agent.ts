import type { Duplex } from 'node:stream';
import type { FakeBody } from '../../backend/execution-engine/drivers/fake/fake-script.ts';
import { FrameDecoder } from '../../backend/execution-engine/protocol/frame-decoder.ts';
import { FrameEncoder } from '../../backend/execution-engine/protocol/frame-encoder.ts';
import { frameFlags, frameTypes } from '../../backend/execution-engine/protocol/frames.ts';
import type { SandboxId } from '../../shared/ids.ts';

/** What an event tells the fake agent to do; the default is to answer at once with `{instance, value}`. */
interface FakeEvent {
  readonly op?:
    | 'echo'
    | 'hang'
    | 'sleep'
    | 'throw'
    | 'exit'
    | 'oom'
    | 'kill'
    | 'print'
    | 'garbage'
    | 'stubborn'
    | 'background';
  /** For `sleep` and `background`. */
  readonly ms?: number;
  readonly value?: unknown;
}

export interface EventAgentOptions {
  /** `fail` answers INIT with ERROR, `hang` never, `oom` and `exit` end the sandbox. */
  readonly init?: (ordinal: number) => 'ready' | 'fail' | 'hang' | 'oom' | 'exit';
  readonly initDelayMs?: number;
  /** Calls may come behind INIT. */
  readonly holdsCalls?: boolean;
  /** Sandboxes that are copies from a snapshot: their agents say no HELLO. */
  readonly isCopy?: (sandbox: SandboxId) => boolean;
  /** False: AFTER_RESTORE is not answered. */
  readonly answersRestores?: () => boolean;
}

/** Counts that tests assert on. */
interface AgentCounts {
  /** Calls that are inside right now, over all sandboxes. */
  inside: number;
  maxInside: number;
  invoked: number;
  batches: number[];
  inits: number;
  /** Calls that came before their sandbox was ready. */
  early: number;
}

/**
 * An in-memory agent that speaks the instance protocol over a fake sandbox's channel. `hang` stops when it is cancelled,
 * `stubborn` does not.
 */
export function eventAgents(options: EventAgentOptions = {}) {
  const counts: AgentCounts = { inside: 0, maxInside: 0, invoked: 0, batches: [], inits: 0, early: 0 };
  const agent = (channel: Duplex, body: FakeBody) => new EventAgent(channel, body, options, counts);
  return { agent, counts };
}

class EventAgent {
  readonly #channel: Duplex;
  readonly #body: FakeBody;
  readonly #options: EventAgentOptions;
  readonly #counts: AgentCounts;
  readonly #encoder = new FrameEncoder();
  readonly #inside = new Map<number, NodeJS.Timeout | undefined>();
  /** Calls that came before READY. */
  readonly #early = new Map<number, Buffer>();
  readonly #unwanted: number[] = [];
  #isReady: boolean;

  constructor(channel: Duplex, body: FakeBody, options: EventAgentOptions, counts: AgentCounts) {
    this.#channel = channel;
    this.#body = body;
    this.#options = options;
    this.#isReady = options.holdsCalls !== true;
    this.#counts = counts;
    const decoder = new FrameDecoder({
      receive: (type, flags, id, payload) => this.#receive(type, flags, id, payload),
    });
    channel.on('data', (chunk: Buffer) => decoder.push(chunk));
    channel.on('close', () => this.#forget());
    if (options.isCopy?.(body.spec.id) === true) return;
    this.#text(frameTypes.hello, 0, 0, {
      protocol: 1,
      runtime: 'fake',
      runtimeVersion: '1',
      pid: 1,
      holdsCalls: options.holdsCalls,
    });
  }

  #receive(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === frameTypes.init) this.#init();
    else if (type === frameTypes.beforeSnapshot) this.#echo(type);
    else if (type === frameTypes.afterRestore && this.#options.answersRestores?.() !== false) this.#echo(type);
    else if (type === frameTypes.invoke && (flags & frameFlags.batch) !== 0) this.#batch(id, payload);
    else if (type === frameTypes.invoke) this.#invoke(id, payload.subarray(4 + payload.readUInt32BE(0)));
    else if (type === frameTypes.cancel && this.#early.delete(id)) this.#unwanted.push(id);
    else if (type === frameTypes.cancel) this.#cancel(id);
  }

  #init(): void {
    const ordinal = this.#counts.inits++;
    const what = this.#options.init?.(ordinal) ?? 'ready';
    setTimeout(() => {
      if (what === 'ready') {
        this.#text(frameTypes.ready, 0, 0, { style: 'event', handlesBatch: false, importMs: 1, initMs: 1 });
        this.#isReady = true;
        for (const id of this.#unwanted)
          this.#text(frameTypes.error, 0, id, { type: 'AbortError', message: 'not begun', stack: '' });
        for (const [id, json] of this.#early) this.#invoke(id, json);
      } else if (what === 'fail') {
        this.#text(frameTypes.error, 0, 0, {
          type: 'SyntaxError',
          message: 'broken',
          stack: 'at index.mjs:1',
          fatal: true,
        });
      } else if (what === 'oom') this.#body.outOfMemory();
      else if (what === 'exit') this.#body.exit(3);
    }, this.#options.initDelayMs ?? 0);
  }

  #batch(firstId: number, payload: Buffer): void {
    const metaBytes = payload.readUInt32BE(0);
    const meta = JSON.parse(payload.toString('utf8', 4, 4 + metaBytes)) as { items: { bodyBytes: number }[] };
    this.#counts.batches.push(meta.items.length);
    let offset = 4 + metaBytes;
    for (const [index, item] of meta.items.entries()) {
      this.#invoke(firstId + index, payload.subarray(offset, offset + item.bodyBytes));
      offset += item.bodyBytes;
    }
  }

  #invoke(id: number, json: Buffer): void {
    if (!this.#isReady) {
      this.#counts.early++;
      this.#early.set(id, json);
      return;
    }
    this.#counts.invoked++;
    this.#counts.inside++;
    this.#counts.maxInside = Math.max(this.#counts.maxInside, this.#counts.inside);
    this.#inside.set(id, undefined);
    const event = (json.length === 0 ? {} : JSON.parse(json.toString('utf8'))) as FakeEvent;
    this.#act(id, event);
  }

  #act(id: number, event: FakeEvent): void {
    const answerLater = (ms: number) =>
      this.#inside.set(
        id,
        setTimeout(() => this.#answer(id, event), ms),
      );
    const op = event.op ?? 'echo';
    if (op === 'echo') this.#answer(id, event);
    else if (op === 'background') this.#answerAndGoOn(id, event);
    else if (op === 'sleep') answerLater(event.ms ?? 10);
    else if (op === 'exit') this.#body.exit(7);
    else if (op === 'kill') this.#body.kill('SIGKILL');
    else if (op === 'oom') this.#body.outOfMemory();
    else if (op === 'garbage') this.#channel.write(Buffer.alloc(64, 0xff));
    else if (op === 'stubborn')
      this.#inside.set(
        id,
        setTimeout(() => undefined, 1),
      );
    else if (op === 'throw') {
      this.#text(frameTypes.error, 0, id, { type: 'Error', message: 'thrown', stack: 'at handler' });
      this.#ended(id);
    } else if (op === 'print') {
      this.#body.print('stdout', String(event.value));
      answerLater(10);
    }
  }

  /** What watches its signal stops; a sleeper and a stubborn call do not. */
  #cancel(id: number): void {
    if (!this.#inside.has(id) || this.#inside.get(id) !== undefined) return;
    this.#text(frameTypes.error, 0, id, { type: 'AbortError', message: 'aborted', stack: '' });
    this.#ended(id);
  }

  #answer(id: number, event: FakeEvent): void {
    if (!this.#inside.has(id)) return;
    const meta = { status: 200, headers: [], event: true, cpuMs: 1, peakMemoryBytes: 1000 };
    const result = Buffer.from(JSON.stringify({ sandbox: this.#body.spec.id, value: event.value ?? null }));
    this.#encoder.meta(frameTypes.response, frameFlags.end, id, JSON.stringify(meta), [result]);
    this.#flush();
    this.#ended(id);
  }

  /** The response is whole, but work of `waitUntil` goes on. */
  #answerAndGoOn(id: number, event: FakeEvent): void {
    const meta = { status: 200, headers: [], event: true, cpuMs: 1, peakMemoryBytes: 1000, background: true };
    this.#encoder.meta(frameTypes.response, frameFlags.end, id, JSON.stringify(meta), [Buffer.from('null')]);
    this.#flush();
    const finish = () => {
      this.#text(frameTypes.end, 0, id, { cpuMs: 1, peakMemoryBytes: 1000 });
      this.#ended(id);
    };
    this.#inside.set(id, setTimeout(finish, event.ms ?? 10));
  }

  #echo(type: number): void {
    this.#encoder.text(type, 0, 0, '');
    this.#flush();
  }

  #ended(id: number): void {
    if (this.#inside.delete(id)) this.#counts.inside--;
  }

  #forget(): void {
    for (const [id, timer] of this.#inside) {
      clearTimeout(timer);
      this.#ended(id);
    }
  }

  #text(type: number, flags: number, id: number, message: unknown): void {
    this.#encoder.text(type, flags, id, JSON.stringify(message));
    this.#flush();
  }

  #flush(): void {
    if (this.#channel.destroyed) return;
    for (const block of this.#encoder.take()) this.#channel.write(block);
  }
}
