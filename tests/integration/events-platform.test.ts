import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildStale } from '../../scripts/build.ts';
import { logTopic } from '../../shared/topics.ts';
import { EventReader, eventsPath, type ReadEvent } from '../support/event-reader.ts';
import { type Platform, startPlatform } from '../support/platform.ts';

/** The whole way: a function writes and is counted, somebody watches, the platform goes and comes back. */
describe('events of a real platform', () => {
  let platform: Platform;
  beforeAll(async () => {
    await buildStale(['guest', 'server']);
    platform = await startPlatform();
    const made = await platform.api('POST', '/api/v1/functions', {
      name: 'teller',
      files: { 'index.mjs': 'export const handler = ({ text }) => { console.log(text); return text; };' },
    });
    expect(made.status, await made.text()).toBe(201);
  });
  afterAll(() => platform?.dispose());

  const open = (topics: readonly string[], lastEventId?: string) =>
    EventReader.open(platform.url + eventsPath(topics), {
      authorization: `Bearer ${platform.token}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    });
  const say = async (text: string) => {
    const answer = await platform.api('POST', '/api/v1/functions/teller/invocations', { text });
    expect(answer.status, await answer.text()).toBe(200);
  };
  const topics = ['metrics', 'metrics:teller', 'deployments', logTopic('teller', { tail: 10 })];

  test('a line comes before the second tick after its call, and the call is in the second tick at the latest', async () => {
    const reader = await open(topics);
    await reader.until(({ data }) => data.topic === 'metrics:teller');
    await say('first');
    const answeredAt = Date.now();
    let counted = 0;
    while (counted === 0 || !reader.texts.includes('first')) {
      const event = await reader.until(({ data }) => data.topic === 'metrics:teller' || data.lines !== undefined);
      expect(event, 'the stream ended').toBeDefined();
      counted += Number(event?.data['invocations'] ?? 0);
    }
    // Of seconds that ended after the call, which may take some of them on a busy machine.
    const isLater = ({ event, data }: ReadEvent) =>
      event === 'tick' &&
      data.topic === 'metrics' &&
      Date.parse(String(data['at'])) + Number(data['stepMs']) > answeredAt;
    const ticks = reader.events.flatMap((event, i) => (isLater(event) ? [i] : []));
    const lineAt = reader.events.findIndex(({ event }) => event === 'log');
    const countedAt = reader.events.findIndex(
      ({ data }) => data.topic === 'metrics:teller' && data['invocations'] === 1,
    );
    // A tick comes once a second: less than a second has passed before the second one.
    expect(lineAt).toBeLessThan(ticks[1] ?? Number.POSITIVE_INFINITY);
    expect(ticks.filter((i) => i < countedAt).length).toBeLessThanOrEqual(2);
    reader.close();
  });

  test('log lines go on over a restart of the platform; what else was missed is marked', async () => {
    const first = await open(topics);
    await say('before the restart');
    await first.untilText('before the restart');
    await first.until(({ data }) => data.topic === 'metrics');
    await say('missed');
    first.close();
    const { dataDirectory } = platform;
    await platform.stop();
    platform = await startPlatform({ dataDirectory });
    await say('after the restart');
    const second = await open(topics, first.lastId);
    await second.untilText('after the restart');
    await say('live again');
    await second.untilText('live again');
    const told = [...first.texts, ...second.texts].filter((text) => !text.startsWith('first'));
    expect(told).toEqual(['before the restart', 'missed', 'after the restart', 'live again']);
    expect(
      second.events.filter(({ event }) => event === 'gap').map(({ data }) => [data.topic, data.lost] as const),
    ).toEqual([
      ['metrics', null],
      ['metrics:teller', null],
      ['deployments', null],
    ]);
    second.close();
  });
});
