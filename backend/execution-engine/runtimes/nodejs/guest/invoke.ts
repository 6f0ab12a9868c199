import type { Call } from './call.ts';
import { NamedError } from './errors.ts';
import { fetchRequest, fetchResult } from './fetch-style.ts';
import { httpEvent } from './http-event.ts';
import type { BatchHandler, EventHandler, LoadedFunction } from './loader.ts';
import type { InitMessage } from './messages.ts';
import { dateNow, parseJson } from './originals.ts';
import { isResponse, sendResult } from './results.ts';
import { noBytes } from './wire.ts';

const callbackParameters = 3;

/** Runs one call through whatever the module offers, to its end; never rejects. */
export async function runCall(loaded: LoadedFunction, init: InitMessage, call: Call): Promise<void> {
  try {
    if (loaded.handler !== undefined) {
      const event = await eventOf(call, init);
      call.expectWanted();
      await sendResult(call, await runHandler(loaded.handler, event, call));
    } else if (loaded.fetch !== undefined) {
      const request = await fetchRequest(call);
      call.expectWanted();
      const response = await loaded.fetch(request, environment(), call.context);
      await fetchResult(call, response);
    } else if (loaded.handleBatch !== undefined) {
      await runBatch(loaded.handleBatch, init, [call]);
    }
  } catch (error) {
    call.fail(error);
  }
}

/** Runs calls together through `handleBatch`; each gets its own result. Never rejects. */
export async function runBatch(handleBatch: BatchHandler, init: InitMessage, calls: readonly Call[]): Promise<void> {
  try {
    const events = await Promise.all(calls.map((call) => eventOf(call, init)));
    if (calls.length === 1) calls[0]?.expectWanted();
    const results = batchResults(await handleBatch(events, batchContext(calls)), calls);
    await Promise.all(calls.map((call, i) => settleItem(call, results[i])));
  } catch (error) {
    for (const call of calls) call.fail(error);
  }
}

async function settleItem(call: Call, result: unknown): Promise<void> {
  try {
    if (result instanceof Error) throw result;
    if (isErrorItem(result)) throw typeof result.error === 'string' ? new Error(result.error) : result.error;
    await sendResult(call, result);
  } catch (error) {
    call.fail(error);
  }
}

function isErrorItem(result: unknown): result is { readonly error: unknown } {
  if (typeof result !== 'object' || result === null || isResponse(result)) return false;
  return 'error' in result && Object.keys(result).length === 1 && result.error !== undefined && result.error !== null;
}

/** An array of results in order, or AWS Lambda's `{batchItemFailures: [{itemIdentifier: invocationId}]}`. */
function batchResults(returned: unknown, calls: readonly Call[]): readonly unknown[] {
  const failures = (returned as { batchItemFailures?: unknown } | null | undefined)?.batchItemFailures;
  if (Array.isArray(failures)) {
    const failed = new Set(failures.map((failure: { itemIdentifier?: unknown } | null) => failure?.itemIdentifier));
    return calls.map((call) =>
      failed.has(call.meta.invocationId)
        ? new NamedError('BatchItemFailure', 'the handler reported this item as failed')
        : null,
    );
  }
  if (!Array.isArray(returned)) {
    const what = returned === null ? 'null' : typeof returned;
    throw new NamedError(
      'InvalidResult',
      `handleBatch must return an array with one result per event; it returned ${what}`,
    );
  }
  if (returned.length !== calls.length) {
    const counts = `${returned.length} results for ${calls.length} events`;
    throw new NamedError(
      'InvalidResult',
      `handleBatch must return one result per event, in order; it returned ${counts}`,
    );
  }
  return returned;
}

/** The first item's context with the earliest deadline, all contexts in `items`, and a signal that fires when every item's has. */
function batchContext(calls: readonly Call[]): object {
  const items = calls.map((call) => call.context);
  const [first] = items;
  const deadlineMs = Math.min(...items.map((item) => item.deadlineMs));
  const soonest = items.find((item) => item.deadlineMs === deadlineMs);
  const abort = new AbortController();
  let left = items.length;
  for (const { signal } of items) {
    signal.addEventListener('abort', () => {
      left--;
      if (left === 0) abort.abort(signal.reason);
    });
  }
  return {
    ...first,
    items,
    deadlineMs,
    signal: abort.signal,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - dateNow()),
    callHeaders: () => soonest?.callHeaders(),
    waitUntil: (work: unknown) => first?.waitUntil(work),
  };
}

async function eventOf(call: Call, init: InitMessage): Promise<unknown> {
  // The messages of a WebSocket that an event handler cannot accept are no body, and do not end.
  const isEndless = call.meta.kind === 'http' && call.meta.webSocket === true;
  const body = isEndless ? noBytes : (call.body.complete ?? (await call.body.whole()));
  if (call.meta.kind === 'http') return httpEvent(call.meta, body, init.functionName, dateNow());
  return body.length === 0 ? null : parseJson(body.toString('utf8'));
}

function runHandler(handler: EventHandler, event: unknown, call: Call): unknown {
  if (handler.length < callbackParameters) return handler(event, call.context);
  return new Promise((resolve, reject) => {
    const callback = (error: unknown, result: unknown) => {
      if (error === undefined || error === null) resolve(result);
      else reject(error);
    };
    const returned = handler(event, call.context, callback);
    if (typeof (returned as PromiseLike<unknown> | undefined)?.then === 'function') resolve(returned);
  });
}

/** A copy, so that a handler that writes to it changes only its own. */
function environment(): Record<string, string | undefined> {
  return { ...process.env };
}
