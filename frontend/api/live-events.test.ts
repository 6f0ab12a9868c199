import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiClient } from './client.ts';
import { LiveEvents, type LiveEventsOptions } from './live-events.ts';
import { LiveTicks } from './live-ticks.ts';
import { Session } from './session.ts';
import type { TopicEvent } from './topic-table.ts';

const patience = { timeout: 60_000 };
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});
const noStorage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
/** Functions that these tests say do not exist. */
const isMissing = (topic: string) => topic.includes('nobody');

interface Opened {
  readonly topics: readonly string[];
  readonly forMs: string | null;
  readonly lastEventId: string | undefined;
  readonly response: ServerResponse;
}

/** A platform that carries whatever is asked for, and remembers it. `holds`: a proxy before it passes on whole responses alone. */
async function setUp({ holds = false, ...options }: Partial<LiveEventsOptions> & { readonly holds?: boolean } = {}) {
  const opened: Opened[] = [];
  const changes: string[][] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    if (request.method === 'GET') {
      const topics = url.searchParams.getAll('topic');
      if (topics.every(isMissing)) {
        response.writeHead(404, { 'content-type': 'application/problem+json' });
        response.end(JSON.stringify({ code: 'function_not_found', detail: 'there is no function', status: 404 }));
        return;
      }
      opened.push({
        topics,
        forMs: url.searchParams.get('forMs'),
        lastEventId: request.headers['last-event-id']?.toString(),
        response,
      });
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const stream = `evs_${opened.length}`;
      const isHeld = holds && url.searchParams.get('forMs') === null;
      if (isHeld) return;
      const refused = topics.filter(isMissing).map(refusal);
      send(response, 'open', { stream, version: '1.2.3', topics, refused }, `${stream}~0`);
      if (holds) response.end();
      return;
    }
    let body = '';
    request.on('data', (data) => {
      body += data;
    });
    request.on('end', () => {
      const { topics } = JSON.parse(body) as { topics: string[] };
      changes.push(topics);
      const stream = url.pathname.split('/').at(-2);
      const isThere = stream === `evs_${opened.length}` && opened.at(-1)?.response.destroyed === false;
      response.writeHead(isThere ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ stream, topics, refused: topics.filter(isMissing).map(refusal) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const session = new Session({ lasting: noStorage, passing: noStorage });
  session.signIn('t', false);
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new ApiClient({ session, baseUrl, fetch: globalThis.fetch });
  const visibility = { isVisible: () => true, onChange: () => () => undefined };
  const isSignedIn = () => session.token !== undefined;
  const events = new LiveEvents({ client, isSignedIn, visibility, lingerMs: 5, minRetryMs: 1, ...options });
  closers.push(() => {
    session.signOut();
    events.reset();
    server.closeAllConnections();
    server.close();
  });
  const hear = (topic: string) => {
    const heard: TopicEvent[] = [];
    const refused: string[] = [];
    const leave = events.subscribe(topic, {
      onEvents: (arrived) => heard.push(...arrived),
      onRefused: ({ code }) => refused.push(code),
    });
    return { heard, refused, leave };
  };
  const isOpen = async () => vi.waitFor(() => expect(events.state()).toBe('open'), patience);
  const present = () => opened.at(-1)?.response ?? expect.fail('there is no stream');
  return { events, session, opened, changes, hear, isOpen, present };
}

const refusal = (topic: string) => ({ topic, status: 404, code: 'function_not_found', detail: 'there is none' });

function send(response: ServerResponse, kind: string, data: object, id: string): void {
  response.write(`id: ${id}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`);
}

describe('LiveEvents', () => {
  it('carries all topics over one connection, each to those who asked for it', async () => {
    const { opened, hear, isOpen, present } = await setUp();
    const [metrics, again, logs] = [hear('metrics'), hear('metrics'), hear('logs:hello')];
    await isOpen();
    send(present(), 'tick', { topic: 'metrics', at: '1' }, '1');
    present().write('event: tick\ndata: broken\n\n');
    send(present(), 'log', { topic: 'logs:hello', lines: [] }, '2');
    await vi.waitFor(() => expect(logs.heard).toHaveLength(1), patience);
    expect(metrics.heard).toEqual([{ kind: 'tick', data: { topic: 'metrics', at: '1' } }]);
    expect(again.heard).toEqual(metrics.heard);
    expect(opened.map(({ topics }) => topics)).toEqual([['metrics', 'logs:hello']]);
  });

  it('asks again and again where a stream does not come through, and goes on where it was', async () => {
    const { events, opened, hear, changes } = await setUp({ holds: true, firstEventMs: 50, pollMs: 5 });
    const states: string[] = [];
    events.watch(() => states.push(events.state()));
    hear('metrics');
    await vi.waitFor(() => expect(opened.length).toBeGreaterThan(3), patience);
    // What is asked for later is in the next answer.
    hear('logs');
    await vi.waitFor(() => expect(opened.at(-1)?.topics).toEqual(['metrics', 'logs']), patience);
    expect(opened.map(({ forMs }) => forMs).slice(0, 3)).toEqual([null, '5', '5']);
    expect(opened[2]?.lastEventId).toBe('evs_2~0');
    expect([events.state(), events.version(), changes]).toEqual(['polling', '1.2.3', []]);
    expect(states.filter((state) => state === 'waiting')).toEqual([]);
  });

  it('tries a stream again after a while of asking', async () => {
    const { opened, hear } = await setUp({ holds: true, firstEventMs: 20, pollMs: 5, retryStreamMs: 1 });
    hear('metrics');
    await vi.waitFor(() => expect(opened.filter(({ forMs }) => forMs === null)).toHaveLength(3), patience);
    expect(opened.filter(({ forMs }) => forMs !== null).length).toBeGreaterThan(1);
  });

  it('changes the topics of the open stream instead of opening another', async () => {
    const { opened, changes, hear, isOpen } = await setUp();
    hear('metrics');
    await isOpen();
    const logs = hear('logs');
    hear('deployments');
    await vi.waitFor(() => expect(changes).toEqual([['metrics', 'logs', 'deployments']]), patience);
    logs.leave();
    await vi.waitFor(() => expect(changes.at(-1)).toEqual(['metrics', 'deployments']), patience);
    expect(opened).toHaveLength(1);
  });

  it('begins anew with logs that were left and are asked for again: their past is asked for too', async () => {
    const { changes, hear, isOpen } = await setUp();
    hear('metrics');
    const logs = hear('logs');
    await isOpen();
    logs.leave();
    hear('logs');
    await vi.waitFor(() => expect(changes).toEqual([['metrics'], ['metrics', 'logs']]), patience);
  });

  it('goes on after the last event when the connection breaks, with the topics of now', async () => {
    const { opened, hear, isOpen, present } = await setUp();
    const metrics = hear('metrics');
    await isOpen();
    send(present(), 'tick', { topic: 'metrics', at: '1' }, 'after-one');
    await vi.waitFor(() => expect(metrics.heard).toHaveLength(1), patience);
    present().destroy();
    await vi.waitFor(() => expect(opened).toHaveLength(2), patience);
    expect(opened[1]).toMatchObject({ topics: ['metrics'], lastEventId: 'after-one' });
    await isOpen();
  });

  it('opens another stream when the platform does not know this one any more', async () => {
    const { opened, hear, isOpen } = await setUp();
    hear('metrics');
    await isOpen();
    opened.push({ ...(opened[0] ?? expect.fail()), topics: [] });
    hear('alerts');
    await vi.waitFor(() => expect(opened.at(-1)?.topics).toEqual(['metrics', 'alerts']), patience);
    expect(opened.at(-1)?.lastEventId).toBe('evs_1~0');
  });

  it('says what is refused, once, and carries the rest', async () => {
    const { events, opened, changes, hear, isOpen, present } = await setUp();
    const nobody = hear('logs:nobody');
    await vi.waitFor(() => expect(nobody.refused).toEqual(['function_not_found']), patience);
    await vi.waitFor(() => expect(events.state()).toBe('closed'), patience);
    const [metrics, other] = [hear('metrics'), hear('metrics:nobody')];
    await isOpen();
    await vi.waitFor(() => expect(other.refused).toEqual(['function_not_found']), patience);
    expect(opened.map(({ topics }) => topics)).toEqual([['metrics', 'metrics:nobody']]);
    hear('alerts');
    await vi.waitFor(() => expect(changes.at(-1)).toEqual(['metrics', 'alerts']), patience);
    send(present(), 'closed', { ...refusal('metrics'), code: 'role_missing' }, '3');
    await vi.waitFor(() => expect(metrics.refused).toEqual(['role_missing']), patience);
  });

  it('rests while the tab is hidden, and goes on where it was', async () => {
    let isVisible = true;
    let notify = () => {};
    const onChange = (listener: () => void) => {
      notify = listener;
      return () => undefined;
    };
    const { events, opened, hear, isOpen } = await setUp({
      hiddenMs: 1,
      visibility: { isVisible: () => isVisible, onChange },
    });
    hear('metrics');
    await isOpen();
    isVisible = false;
    notify();
    await vi.waitFor(() => expect(events.state()).toBe('paused'), patience);
    await vi.waitFor(() => expect(opened[0]?.response.destroyed).toBe(true), patience);
    isVisible = true;
    notify();
    await isOpen();
    expect(opened.map(({ lastEventId }) => lastEventId)).toEqual([undefined, 'evs_1~0']);
  });

  it('begins anew as somebody else, and listens to nothing as nobody', async () => {
    const { events, session, opened, hear, isOpen } = await setUp();
    hear('metrics');
    await isOpen();
    session.signOut();
    events.reset();
    await vi.waitFor(() => expect(opened[0]?.response.destroyed).toBe(true), patience);
    expect(events.state()).toBe('closed');
    session.signIn('other', false);
    events.reset();
    await isOpen();
    expect(opened.map(({ lastEventId }) => lastEventId)).toEqual([undefined, undefined]);
  });
});

describe('LiveTicks', () => {
  it('keeps the newest ticks, each once, while somebody looks', async () => {
    const { events, opened, isOpen, present } = await setUp();
    const live = new LiveTicks(events, 3);
    const leave = [live.subscribe(() => undefined), live.subscribe(() => undefined)];
    await isOpen();
    for (const at of ['1', '2', '2', '3', '4']) send(present(), 'tick', { topic: 'metrics', at }, at);
    send(present(), 'gap', { topic: 'metrics', lost: null }, '5');
    await vi.waitFor(() => expect(live.snapshot().ticks.map(({ at }) => at)).toEqual(['2', '3', '4']), patience);
    expect(live.snapshot().state).toBe('open');
    for (const one of leave) one();
    await vi.waitFor(() => expect(events.state()).toBe('closed'), patience);
    expect(opened).toHaveLength(1);
    live.reset();
    expect(live.snapshot().ticks).toEqual([]);
  });
});
