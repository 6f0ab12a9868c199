import { type Call, type HeadJson, resultJson } from './call.ts';
import { headJson } from './head.ts';
import { bytesFrom } from './originals.ts';
import { runWebSocket } from './web-socket.ts';
import { noBytes } from './wire.ts';

/** Micro-task turns in which a body of one chunk gets the chance to end, so that it travels in one frame. */
const turnsForEnd = 8;

/** Sends a Response, streaming; a body that is one chunk becomes one frame. */
export async function sendResponse(call: Call, response: Response): Promise<void> {
  const headers: string[] = [];
  for (const [name, value] of response.headers) headers.push(name, value);
  if (response.status === 101 && call.webSocket !== undefined) {
    await runWebSocket(call, call.webSocket, headers);
    return;
  }
  const head = headJson(response.status, headers);
  const isHead = call.meta.kind === 'http' && call.meta.method === 'HEAD';
  if (response.body === null || isHead) {
    await response.body?.cancel().catch(() => undefined);
    await call.respond(head, noBytes);
    return;
  }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await sendChunks(call, head, {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? undefined : toBytes(value);
    },
    stop: (error) => reader.cancel(error).catch(() => undefined),
  });
}

/** Sends an async iterable or stream that a handler returned. Without a head, the first chunk decides the content type. */
export async function sendStream(call: Call, source: AsyncIterable<unknown>, head?: HeadJson): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  const stop = async () => {
    await Promise.resolve(iterator.return?.()).catch(() => undefined);
  };
  const first = await iterator.next();
  let held: IteratorResult<unknown> | undefined = first;
  const isLines = head === undefined && first.done !== true && !isTextOrBytes(first.value);
  const used =
    head ?? headJson(200, ['content-type', streamType(first.done === true ? undefined : first.value, isLines)]);
  await sendChunks(call, used, {
    next: async () => {
      const { done, value } = held ?? (await iterator.next());
      held = undefined;
      if (done === true) return undefined;
      return isLines ? bytesFrom(`${resultJson(value)}\n`) : toBytes(value);
    },
    stop,
  });
}

interface ChunkSource {
  /** Undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  stop(error: unknown): Promise<unknown>;
}

async function sendChunks(call: Call, head: HeadJson, source: ChunkSource): Promise<void> {
  const first = await source.next();
  if (first === undefined) {
    await call.respond(head, noBytes);
    return;
  }
  let next = source.next();
  let isSettled = false;
  const settled = () => {
    isSettled = true;
  };
  next.then(settled, settled);
  for (let i = 0; i < turnsForEnd && !isSettled; i++) await undefined;
  if (isSettled && (await next) === undefined) {
    await call.respond(head, Buffer.from(first.buffer, first.byteOffset, first.byteLength));
    return;
  }
  call.start(head);
  try {
    await call.write(first);
    for (let chunk = await next; chunk !== undefined; chunk = await next) {
      await call.write(chunk);
      next = source.next();
    }
    await call.end();
  } catch (error) {
    next.catch(() => undefined);
    void source.stop(error);
    throw error;
  }
}

function isTextOrBytes(value: unknown): boolean {
  return typeof value === 'string' || value instanceof Uint8Array || value instanceof ArrayBuffer;
}

function streamType(value: unknown, isLines: boolean): string {
  if (isLines) return 'application/x-ndjson';
  return typeof value === 'string' ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

function toBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return bytesFrom(typeof value === 'string' ? value : resultJson(value));
}
