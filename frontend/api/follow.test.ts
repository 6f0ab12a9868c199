import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiClient } from './client.ts';
import { followEvents, type StreamState } from './follow.ts';
import type { ApiError } from './server-error.ts';
import { Session } from './session.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const noStorage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };

async function setUp(answer: (request: IncomingMessage, response: ServerResponse, count: number) => void) {
  let count = 0;
  const server = createServer((request, response) => answer(request, response, ++count));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const session = new Session({ lasting: noStorage, passing: noStorage });
  session.signIn('t', false);
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { client: new ApiClient({ session, baseUrl, fetch: globalThis.fetch }), connections: () => count };
}

function startStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
}

describe('followEvents', () => {
  it('goes on after the last event when the connection breaks', async () => {
    const resumedFrom: (string | undefined)[] = [];
    const { client } = await setUp((request, response, count) => {
      resumedFrom.push(request.headers['last-event-id']?.toString());
      startStream(response);
      response.write(`id: ${count}\ndata: event ${count}\n\n`);
      if (count < 3) response.end();
    });
    const seen: string[] = [];
    const states: StreamState[] = [];
    const stop = followEvents({
      client,
      path: () => '/stream',
      minRetryMs: 1,
      onEvents: (events) => seen.push(...events.map((event) => event.data)),
      onState: (state) => states.push(state),
    });
    closers.push(stop);
    await vi.waitFor(() => expect(seen).toEqual(['event 1', 'event 2', 'event 3']), 60_000);
    expect(resumedFrom).toEqual([undefined, '1', '2']);
    expect(states.slice(0, 4)).toEqual(['connecting', 'open', 'waiting', 'connecting']);
    stop();
    await vi.waitFor(() => expect(states.at(-1)).toBe('closed'), 60_000);
  });

  it('gives up when the platform refuses, and tries again when it is only busy', async () => {
    const { client, connections } = await setUp((_request, response, count) => {
      response.writeHead(count < 3 ? 503 : 404).end();
    });
    const refused = await new Promise<ApiError>((resolve) => {
      closers.push(
        followEvents({ client, path: () => '/stream', minRetryMs: 1, onEvents: () => undefined, onRefused: resolve }),
      );
    });
    expect(refused.status).toBe(404);
    expect(connections()).toBe(3);
  });

  it('leaves a connection on which nothing comes any more', async () => {
    const { client, connections } = await setUp((_request, response) => startStream(response));
    closers.push(
      followEvents({ client, path: () => '/stream', minRetryMs: 1, silenceMs: 30, onEvents: () => undefined }),
    );
    await vi.waitFor(() => expect(connections()).toBeGreaterThan(1), 60_000);
  });
});
