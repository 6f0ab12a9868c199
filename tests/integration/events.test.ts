import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { functionTickSchema } from '../../shared/api/events.ts';
import { logTopic } from '../../shared/topics.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';
import { EventReader, eventsPath } from '../support/event-reader.ts';

const code = { 'index.mjs': 'export const handler = () => 1;' };

describe('one stream of many topics', () => {
  let rig: ApiRig;
  let url: string;
  beforeAll(async () => {
    rig = await apiRig({ streams: { pingMs: 50, checkMs: 20, maxPerCaller: 8 } });
    url = `${await rig.app.listen({ port: 0, host: '127.0.0.1' })}/api/v1`;
    await post('/projects', { name: 'acme' });
    await post('/functions', { name: 'hello', files: code });
    await post('/functions', { name: 'secret-plan', files: code }, { 'hearth-project': 'acme' });
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  const send = async (method: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
    await fetch(url + path, {
      method,
      headers: { ...rig.as.admin, ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<void> {
    const response = await send('POST', path, body, headers);
    expect(response.status, await response.text()).toBe(201);
  }
  const open = (topics: readonly string[], headers: Record<string, string> = {}) =>
    EventReader.open(url.replace('/api/v1', '') + eventsPath(topics), {
      ...rig.as.admin,
      ...headers,
    });
  const refusal = async (topics: readonly string[], headers: Record<string, string> = {}) => {
    const error = await open(topics, headers).then(
      (reader) => reader.close(),
      (thrown: Error) => thrown,
    );
    return JSON.parse(error?.message ?? 'null') as { status: number; code: string; detail: string; requestId: string };
  };
  const tick = (n: number) => {
    for (const listener of rig.metrics.listeners)
      listener({ at: `2030-01-01T00:00:${n}Z`, stepMs: 1000, functions: {} } as never);
  };
  const isTick = ({ event }: { event: string }) => event === 'tick';

  test('carries all that was asked for, and says which topic an event is of', async () => {
    const reader = await open(['metrics', 'metrics:hello', logTopic(undefined, { tail: 0 }), 'deployments', 'alerts']);
    const opened = await reader.until(({ event }) => event === 'open');
    expect(opened?.data).toMatchObject({ topics: expect.arrayContaining(['metrics', 'alerts']), refused: [] });
    tick(10);
    rig.logs.add('a line');
    await send('PATCH', '/functions/hello', { description: 'changed' });
    await post('/alerts', { name: 'errors', metric: 'errors', threshold: 1 });
    const seen = new Set<string>();
    while (seen.size < 5) {
      const event = await reader.until(({ data }) => data.topic !== undefined);
      seen.add(`${event?.event} ${event?.data.topic}`);
    }
    expect([...seen].sort()).toEqual([
      'alert alerts',
      'deployment deployments',
      'log logs?tail=0',
      'tick metrics',
      'tick metrics:hello',
    ]);
    expect(reader.events.find(({ event }) => event === 'deployment')?.data).toMatchObject({
      functionName: 'hello',
      isRemoved: false,
      live: [{ version: 1, weight: 1 }],
    });
    reader.close();
    await expect.poll(() => rig.logs.listeners.size).toBe(0);
  });

  test('goes on after a cut connection: what came meanwhile comes now, each once', async () => {
    const topics = ['metrics', logTopic('hello', { tail: 0 })];
    const first = await open(topics);
    await first.until(({ event }) => event === 'open');
    tick(11);
    await first.until(isTick);
    rig.logs.add('before');
    await first.untilText('before');
    first.close();
    await expect.poll(() => rig.logs.listeners.size).toBe(0);
    tick(12);
    for (let i = 0; i < 300; i++) rig.logs.add(`meanwhile ${i}`);
    tick(13);
    const second = await open(topics, { 'last-event-id': first.lastId });
    await second.untilText('meanwhile 299');
    rig.logs.add('after');
    await second.untilText('after');
    expect(second.texts).toEqual([...Array.from({ length: 300 }, (_, i) => `meanwhile ${i}`), 'after']);
    expect(second.events.filter(isTick).map(({ data }) => data['at'])).toEqual([
      '2030-01-01T00:00:12Z',
      '2030-01-01T00:00:13Z',
    ]);
    expect(second.events.filter(({ event }) => event === 'gap')).toEqual([]);
    second.close();
  });

  test('ends after a time that was asked for, so that a proxy which waits for the whole passes it on', async () => {
    const path = `${eventsPath(['metrics'])}&forMs=100`;
    const response = await fetch(url.replace('/api/v1', '') + path, { headers: rig.as.admin });
    expect(await response.text()).toMatch(/event: open\ndata: .*"version":".+"/);
    const tooLong = await fetch(url.replace('/api/v1', '') + path.replace('=100', '=1000000'), {
      headers: rig.as.admin,
    });
    expect(tooLong.status).toBe(400);
  });

  test('where memory has moved on, the gap is marked', async () => {
    const first = await open(['metrics']);
    await first.until(({ event }) => event === 'open');
    tick(14);
    await first.until(isTick);
    first.close();
    for (let n = 0; n < 200; n++) tick(n);
    const second = await open(['metrics'], { 'last-event-id': first.lastId });
    const gap = await second.until(({ event }) => event === 'gap');
    expect(gap?.data).toEqual({ topic: 'metrics', lost: 72, isAtLeast: false });
    await second.until(({ data }) => data['at'] === '2030-01-01T00:00:199Z');
    expect(second.events.filter(isTick)).toHaveLength(128);
    second.close();
    // Of another process nobody knows how many there were; its log lines are in the store.
    const foreign = first.lastId.replace(/^[0-9a-f]+/, '0000');
    const third = await open(['metrics'], { 'last-event-id': foreign });
    expect((await third.until(({ event }) => event === 'gap'))?.data.lost).toBeNull();
    third.close();
  });

  test('a reader that takes nothing is told what it lost, and costs bounded memory', async () => {
    const address = new URL(url);
    const socket = connect(Number(address.port), address.hostname);
    const headers = `Host: x\r\nAuthorization: ${rig.as.admin.authorization}`;
    socket.write(`GET /api/v1/events?topic=metrics HTTP/1.1\r\n${headers}\r\n\r\n`);
    let received = '';
    socket.on('data', (data) => {
      received += data;
    });
    await expect.poll(() => received).toContain('event: open');
    socket.pause();
    const big = 'x'.repeat(50_000);
    for (let n = 0; n < 600; n++) {
      for (const listener of rig.metrics.listeners)
        listener({ at: String(n), stepMs: 1000, functions: {}, big } as never);
      if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    socket.resume();
    await expect.poll(() => received).toContain('"at":"599"');
    const lost = Number(/event: gap\ndata: {"topic":"metrics","lost":(\d+)/.exec(received)?.[1]);
    const got = [...received.matchAll(/event: tick/g)].length;
    expect(lost).toBeGreaterThan(0);
    expect(got + lost).toBe(600);
    socket.destroy();
  });

  test('topics change while the stream is open; those that stay lose nothing', async () => {
    const reader = await open(['metrics', 'alerts']);
    const stream = (await reader.until(({ event }) => event === 'open'))?.data.stream;
    tick(20);
    const topics = ['metrics', 'logs:hello?tail=1', 'metrics:nobody'];
    const changed = await send('PUT', `/events/${stream}/topics`, { topics });
    expect(await changed.json()).toEqual({
      version: expect.any(String),
      stream,
      topics: ['metrics', 'logs:hello?tail=1'],
      refused: [{ topic: 'metrics:nobody', status: 404, code: 'function_not_found', detail: expect.any(String) }],
    });
    tick(21);
    rig.logs.add('now');
    await reader.untilText('now');
    expect(reader.events.filter(isTick).map(({ data }) => data['at'])).toEqual([
      '2030-01-01T00:00:20Z',
      '2030-01-01T00:00:21Z',
    ]);
    const none = await send('PUT', `/events/${stream}/topics`, { topics: [] });
    expect(await none.json()).toMatchObject({ topics: [] });
    await expect.poll(() => rig.logs.listeners.size).toBe(0);
    const many = [0, 1, 2, 3, 4].map((n) => `logs:hello?tail=${n}`);
    expect(await (await send('PUT', `/events/${stream}/topics`, { topics: many })).json()).toMatchObject({
      code: 'too_many_topics',
    });
    reader.close();
    await expect
      .poll(async () => (await send('PUT', `/events/${stream}/topics`, { topics })).status, { interval: 20 })
      .toBe(404);
  });

  test('nobody changes the stream of another caller, or in another project', async () => {
    const reader = await open(['metrics']);
    const stream = (await reader.until(({ event }) => event === 'open'))?.data.stream;
    for (const headers of [rig.as.read, { 'hearth-project': 'acme' }]) {
      const answer = await send('PUT', `/events/${stream}/topics`, { topics: ['metrics'] }, headers);
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([404, 'stream_not_found']);
    }
    reader.close();
  });

  test('each topic needs what its route needs', async () => {
    expect(await refusal(['alerts'], rig.as.read)).toMatchObject({ status: 403, code: 'scope_missing' });
    expect(await refusal(['metrics'], rig.as.invoke)).toMatchObject({ status: 403, code: 'scope_missing' });
    expect(await refusal(['logs'], rig.as.invoke)).toMatchObject({ status: 403, code: 'scope_missing' });
    expect(await refusal(['weather'])).toMatchObject({ status: 400, code: 'bad_topic' });
    expect(await refusal(['logs?filter=level%3Aloud'])).toMatchObject({ status: 400, code: 'bad_filter' });
    expect(await refusal(['logs?filter=status%3A5xx'])).toMatchObject({ status: 400, code: 'bad_filter' });
    expect(await refusal(['metrics'], { authorization: 'Bearer hearth_wrong' })).toMatchObject({ status: 401 });
    const reader = await open(['metrics', 'logs:hello'], rig.as.invoke);
    const opened = await reader.until(({ event }) => event === 'open');
    expect(opened?.data).toMatchObject({
      topics: ['logs:hello'],
      refused: [{ topic: 'metrics', status: 403, code: 'scope_missing' }],
    });
    reader.close();
  });

  test('a function of another project is one that does not exist', async () => {
    for (const noun of ['logs', 'metrics']) {
      const theirs = await refusal([`${noun}:secret-plan`]);
      const nobodys = await refusal([`${noun}:nobody-here`]);
      expect(theirs.status).toBe(404);
      expect({ ...theirs, requestId: '' }).toEqual({
        ...nobodys,
        requestId: '',
        detail: nobodys.detail.replace('nobody-here', 'secret-plan'),
      });
      expect(await refusal([`${noun}:acme/secret-plan`])).toMatchObject({ status: 404 });
    }
    expect(await refusal(['logs?filter=fn%3Asecret-plan'])).toMatchObject({ status: 404, code: 'function_not_found' });
    const reader = await open(['deployments']);
    await reader.until(({ event }) => event === 'open');
    reader.close();
  });

  test('deployments of one project are not seen in another', async () => {
    const reader = await open(['deployments'], { 'hearth-project': 'default' });
    await reader.until(({ event }) => event === 'open');
    const change = { description: 'x' };
    await send('PATCH', '/functions/secret-plan', change, { 'hearth-project': 'acme' });
    await send('PATCH', '/functions/hello', change);
    const event = await reader.until(({ event }) => event === 'deployment');
    expect(event?.data).toMatchObject({ functionName: 'hello' });
    reader.close();
  });

  test('alert rules of one project, and of the installation, are not seen in another', async () => {
    const reader = await open(['alerts'], { 'hearth-project': 'default' });
    await reader.until(({ event }) => event === 'open');
    const rule = (name: string) => ({ name, metric: 'errors', threshold: 1 });
    await send('POST', '/alerts', rule('theirs'), { 'hearth-project': 'acme' });
    await send('POST', '/alerts', rule('of the installation'));
    await send('POST', '/alerts', rule('ours'), { 'hearth-project': 'default' });
    expect((await reader.until(({ event }) => event === 'alert'))?.data).toMatchObject({ name: 'ours' });
    reader.close();
  });

  test('has the numbers of a function whatever its name is', async () => {
    await post('/functions', { name: 'constructor', files: code });
    const reader = await open(['metrics:constructor']);
    await reader.until(({ event }) => event === 'open');
    tick(10);
    const event = await reader.until(isTick);
    expect(functionTickSchema.parse(event?.data)).toMatchObject({ invocations: 0, errors: 0, p95Ms: null });
    reader.close();
    expect((await send('DELETE', '/functions/constructor', undefined)).status).toBe(204);
  });

  test('ends with its token, and a topic with its function', async () => {
    const made = await send('POST', '/tokens', { name: 'short', scope: 'read' });
    const token = (await made.json()) as { id: string; secret: string };
    await post('/functions', { name: 'passing', files: code });
    const reader = await open(['metrics:passing', 'metrics'], { authorization: `Bearer ${token.secret}` });
    await reader.until(({ event }) => event === 'open');
    expect((await send('DELETE', '/functions/passing', undefined)).status).toBe(204);
    expect((await reader.until(({ event }) => event === 'closed'))?.data).toMatchObject({
      topic: 'metrics:passing',
      status: 404,
      code: 'function_not_found',
    });
    const following = await fetch(`${url}/logs?follow=1`, { headers: { authorization: `Bearer ${token.secret}` } });
    expect((await send('DELETE', `/tokens/${token.id}`, undefined)).status).toBe(204);
    expect(await reader.until(({ event }) => event === 'never')).toBeUndefined();
    expect(await following.text()).toContain('retry:');
  });

  test('a caller has only so many streams open', async () => {
    const readers = await Promise.all(Array.from({ length: 8 }, () => open(['metrics'], rig.as.read)));
    expect(await refusal(['metrics'], rig.as.read)).toMatchObject({ status: 429, code: 'too_many_streams' });
    const metrics = await fetch(`${url}/metrics/stream`, { headers: rig.as.read });
    expect([metrics.status, metrics.headers.get('retry-after')]).toEqual([429, '5']);
    (await open(['metrics'])).close();
    for (const reader of readers) reader.close();
    await expect
      .poll(async () => {
        const again = await open(['metrics'], rig.as.read).catch(() => undefined);
        again?.close();
        return again !== undefined;
      })
      .toBe(true);
  });
});
