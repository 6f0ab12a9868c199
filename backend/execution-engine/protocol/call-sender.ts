import type { InvocationOutcome } from '../../../shared/invocation.ts';
import { cancelMessage } from '../../core/cancel-signal.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { InstanceCall, InstanceResult } from '../../core/ports/instance-pool.ts';
import { Call, type CallHost, tooLate } from './call.ts';
import type { AheadCall } from './connection-options.ts';
import {
  emptyBuffer,
  frameFlags,
  frameTypes,
  initialCreditBytes,
  lastCallId,
  maxChunkBytes,
  maxPayloadBytes,
} from './frames.ts';
import { type Onward, requestMeta, wholeBody } from './request-meta.ts';

type Resolve = (result: InstanceResult) => void;

export interface CallSenderOptions {
  readonly host: CallHost;
  readonly clock: Clock;
  readonly onward: Onward;
  readonly started: (call: Call) => void;
}

/** Gives calls their ids and puts them into INVOKE frames. */
export class CallSender {
  readonly #options: CallSenderOptions;
  /** The highest id that was given out. */
  lastId = 0;

  constructor(options: CallSenderOptions) {
    this.#options = options;
  }

  one(call: InstanceCall): Promise<InstanceResult> {
    const refused = this.#refusal(call);
    if (refused !== undefined) return Promise.resolve(this.refused(refused));
    return new Promise((resolve) => this.#send(call, resolve));
  }

  /** Sends a call to an agent that is not ready yet; undefined: it would be refused, or its body is not whole or too large to be kept. */
  ahead(call: InstanceCall): AheadCall | undefined {
    const body = wholeBody(call.invocation.request.body);
    if (body === undefined || body.length > maxChunkBytes || this.#refusal(call) !== undefined) return undefined;
    const { promise: result, resolve } = Promise.withResolvers<InstanceResult>();
    const sent = this.#send(call, resolve, true);
    return { result, cancel: (reason) => sent.cancel(reason) };
  }

  batch(calls: readonly InstanceCall[]): readonly Promise<InstanceResult>[] {
    const group = new BatchGroup();
    const results = calls.map((call) => {
      const refused = this.#refusal(call);
      if (refused !== undefined) return Promise.resolve(this.refused(refused));
      return new Promise<InstanceResult>((resolve) => {
        const item = batchItem(call, resolve, this.#options.onward);
        if (item === undefined) {
          this.#send(call, resolve);
          return;
        }
        if (!group.fits(item)) this.#sendBatch(group.take());
        group.add(item);
      });
    });
    this.#sendBatch(group.take());
    return results;
  }

  /** The result of a call that was not sent. */
  refused(outcome: InvocationOutcome): InstanceResult {
    const nothing = { firstByteMs: 0, handlerMs: 0, cpuMs: 0, peakMemoryBytes: 0, requestBytes: 0, responseBytes: 0 };
    return { outcome, startedMs: this.#options.clock.monotonic(), httpStatus: undefined, ...nothing };
  }

  #refusal(call: InstanceCall): InvocationOutcome | undefined {
    if (call.signal.aborted) return { kind: 'cancelled', message: cancelMessage(call.signal) };
    if (call.invocation.deadlineAt <= this.#options.clock.now())
      return {
        kind: 'function-fault',
        fault: 'timeout',
        message: tooLate,
      };
    if (this.lastId < lastCallId) return undefined;
    const message = 'the instance has used up its call ids';
    return { kind: 'platform-fault', fault: 'sandbox-lost', message, retryable: true };
  }

  #start(call: InstanceCall, resolve: Resolve, isAhead = false): Call {
    const { host, clock, started } = this.#options;
    const deadlineAt = clock.monotonic() + (call.invocation.deadlineAt - clock.now());
    const created = new Call(host, ++this.lastId, call, deadlineAt, resolve, isAhead);
    started(created);
    if (this.lastId === lastCallId) host.exiting();
    return created;
  }

  #send(instanceCall: InstanceCall, resolve: Resolve, isAhead = false): Call {
    const { host, onward } = this.#options;
    const { encoder, flush } = host;
    const call = this.#start(instanceCall, resolve, isAhead);
    const source = instanceCall.invocation.request.body;
    const whole = wholeBody(source);
    const first = whole === undefined ? emptyBuffer : whole.subarray(0, initialCreditBytes);
    const isWhole = whole !== undefined && first.length === whole.length;
    const meta = requestMeta(instanceCall.invocation, onward);
    if (metaTooLong(meta, first.length)) {
      encoder.meta(frameTypes.invoke, 0, call.id, meta, []);
      call.sendBody(0, source);
    } else {
      encoder.meta(frameTypes.invoke, isWhole ? frameFlags.end : 0, call.id, meta, [first]);
      call.sendBody(first.length, isWhole ? undefined : (whole?.subarray(first.length) ?? source));
    }
    flush();
    return call;
  }

  #sendBatch(items: readonly BatchItem[]): void {
    const only = items.length === 1 ? items[0] : undefined;
    if (only !== undefined) this.#send(only.call, only.resolve);
    if (items.length < 2) return;
    const { encoder, flush } = this.#options.host;
    const firstId = this.lastId + 1;
    const metas = items.map((item) => item.meta);
    for (const item of items) this.#start(item.call, item.resolve).sendBody(item.body.length, undefined);
    const bodies = items.map((item) => item.body);
    encoder.meta(
      frameTypes.invoke,
      frameFlags.batch | frameFlags.end,
      firstId,
      `{"items":[${metas.join(',')}]}`,
      bodies,
    );
    flush();
  }
}

interface BatchItem {
  readonly call: InstanceCall;
  readonly resolve: Resolve;
  readonly meta: string;
  readonly body: Buffer;
  /** What it takes up in a frame. */
  readonly bytes: number;
}

/** Room that is kept for the envelope of a batch. */
const envelopeBytes = 64;

/** Undefined when the call must travel alone: its body still arrives, or is too large for a frame. */
function batchItem(call: InstanceCall, resolve: Resolve, onward: Onward): BatchItem | undefined {
  const body = wholeBody(call.invocation.request.body);
  if (body === undefined || body.length > maxPayloadBytes - envelopeBytes) return undefined;
  const meta = requestMeta(call.invocation, onward, body.length);
  const bytes = Buffer.byteLength(meta) + 1 + body.length;
  return bytes > maxPayloadBytes - envelopeBytes ? undefined : { call, resolve, meta, body, bytes };
}

/** Collects items for as long as they fit into one frame. */
class BatchGroup {
  #items: BatchItem[] = [];
  #bytes = envelopeBytes;

  fits(item: BatchItem): boolean {
    return this.#bytes + item.bytes <= maxPayloadBytes;
  }
  add(item: BatchItem): void {
    this.#items.push(item);
    this.#bytes += item.bytes;
  }
  take(): readonly BatchItem[] {
    const taken = this.#items;
    this.#items = [];
    this.#bytes = envelopeBytes;
    return taken;
  }
}

function metaTooLong(meta: string, bodyBytes: number): boolean {
  return meta.length * 3 + 4 + bodyBytes > maxPayloadBytes && Buffer.byteLength(meta) + 4 + bodyBytes > maxPayloadBytes;
}
