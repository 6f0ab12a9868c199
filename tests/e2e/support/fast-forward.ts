import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LogLine } from '../../../shared/api/invocations.ts';

/** A platform for which time can pass faster: its live numbers of one second can be sent as those of many. */
export interface FastForward {
  readonly url: string;
  /** Sends the newest live numbers again, once for each of the next `seconds`, to every open stream; resolves when they were taken. */
  pass(seconds: number): Promise<void>;
  close(): void;
}

interface LiveStream {
  readonly response: ServerResponse;
  /** The newest event with live numbers, as it came. */
  event: string | undefined;
  /** How far ahead of the platform the stream is. */
  aheadMs: number;
}

/**
 * Stands in front of the platform at `target` and hands everything on as it is, streams too. A stream of logs begins with `past`, as if it had
 * been open while those lines were written.
 */
export async function fastForward(target: string, past: readonly LogLine[] = []): Promise<FastForward> {
  const streams = new Set<LiveStream>();
  const server = createServer((incoming, response) => handOn(target, incoming, response, streams, past));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pass: async (seconds) => {
      const live = [...streams].filter((stream) => stream.event !== undefined);
      if (live.length === 0) throw new Error('no stream has had live numbers yet');
      await Promise.all(live.map((stream) => repeat(stream, seconds)));
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function handOn(
  target: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  streams: Set<LiveStream>,
  past: readonly LogLine[],
): void {
  const url = new URL(incoming.url ?? '/', target);
  const outgoing = request(url, { method: incoming.method ?? 'GET', headers: { ...incoming.headers, host: url.host } });
  outgoing.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    if (answer.headers['content-type']?.startsWith('text/event-stream') === true)
      watch(answer, response, streams, past);
    answer.pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  response.on('close', () => outgoing.destroy());
  incoming.pipe(outgoing);
}

function watch(
  answer: IncomingMessage,
  response: ServerResponse,
  streams: Set<LiveStream>,
  past: readonly LogLine[],
): void {
  const stream: LiveStream = { response, event: undefined, aheadMs: 0 };
  streams.add(stream);
  response.on('close', () => streams.delete(stream));
  let text = '';
  let isPastDue = past.length > 0;
  answer.on('data', (piece: Buffer) => {
    const isWhole = text === '';
    const blocks = (text + piece.toString()).split('\n\n');
    text = blocks.pop() ?? '';
    const logs = blocks.find((block) => /^event: log$/m.test(block));
    // Before the piece itself goes on, and never in the middle of an event.
    if (isPastDue && isWhole && logs !== undefined) {
      isPastDue = false;
      const data: object = JSON.parse(/^data: (.*)$/m.exec(logs)?.[1] ?? '{}');
      response.write(`event: log\ndata: ${JSON.stringify({ ...data, lines: past })}\n\n`);
    }
    stream.event = blocks.findLast((block) => block.includes('"gauges"')) ?? stream.event;
  });
}

async function repeat(stream: LiveStream, seconds: number): Promise<void> {
  // Without its id: what the browser has to say when it connects again is what the platform sent.
  const event = (stream.event ?? '').replace(/^id:.*\n/m, '');
  const startMs = Date.now();
  let text = '';
  for (let i = 0; i < seconds; i++) {
    stream.aheadMs += 1000;
    const at = new Date(startMs + stream.aheadMs).toISOString();
    text += `${event.replace(/"at":"[^"]*"/g, `"at":"${at}"`)}\n\n`;
  }
  if (!stream.response.write(text)) await once(stream.response, 'drain');
}
