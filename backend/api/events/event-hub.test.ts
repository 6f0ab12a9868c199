import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { EventHub, type EventHubOptions, type Publish } from './event-hub.ts';

function hubOf(options: Partial<EventHubOptions> = {}) {
  const clock = new ManualClock();
  const hub = new EventHub({ clock, lingerMs: 1000, ...options });
  return { clock, hub };
}

/** A source that a test drives. */
function driven(mergeMs = 0) {
  let running = 0;
  let publish: Publish = () => undefined;
  const source = {
    mergeMs,
    start: (given: Publish) => {
      running++;
      publish = given;
      return () => {
        running--;
      };
    },
  };
  return { source, running: () => running, publish: (...event: Parameters<Publish>) => publish(...event) };
}
const nothing = () => undefined;

describe('EventHub', () => {
  test('makes an event once for all readers', () => {
    const { hub } = hubOf();
    const topic = driven();
    let told = 0;
    const subscriptions = [1, 2].map(() => hub.subscribe('metrics', topic.source, () => told++));
    let made = 0;
    const data = { toJSON: () => ++made };
    topic.publish('tick', data);
    expect([told, made, topic.running()]).toEqual([2, 1, 1]);
    const [a, b] = subscriptions.map(({ ring }) => ring.after(ring.head - 1));
    expect(a).toBe(b);
  });

  test('a topic goes on for a while after its last reader, so that one who comes back misses nothing', () => {
    const { hub, clock } = hubOf();
    const topic = driven();
    const first = hub.subscribe('metrics', topic.source, nothing);
    const { head } = first.ring;
    first.unsubscribe();
    first.unsubscribe();
    clock.advance(999);
    topic.publish('tick', { n: 1 });
    const second = hub.subscribe('metrics', topic.source, nothing);
    expect(second.ring.after(head)?.json).toBe('{"n":1}');
    clock.advance(10_000);
    expect(topic.running()).toBe(1);
    second.unsubscribe();
    clock.advance(1000);
    expect([topic.running(), hub.size, clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  test('a position of an earlier run of the topic is never taken for one of this run', () => {
    const { hub, clock } = hubOf();
    const topic = driven();
    const first = hub.subscribe('metrics', topic.source, nothing);
    for (let i = 0; i < 5; i++) topic.publish('tick', {});
    const { head } = first.ring;
    first.unsubscribe();
    clock.advance(1000);
    const second = hub.subscribe('metrics', topic.source, nothing);
    expect(second.ring.gapAfter(head)).toEqual({ lost: null, resumeAfter: second.ring.head });
  });

  test('events of the same thing in a short time become one, the last', () => {
    const { hub, clock } = hubOf();
    const topic = driven(100);
    const { ring } = hub.subscribe('deployments', topic.source, nothing);
    const { head } = ring;
    topic.publish('deployment', { name: 'a', version: 1 }, 'a');
    topic.publish('deployment', { name: 'b', version: 1 }, 'b');
    topic.publish('deployment', { name: 'a', version: 2 }, 'a');
    expect(ring.head).toBe(head);
    clock.advance(100);
    expect([ring.after(head)?.json, ring.after(head + 1)?.json, ring.after(head + 2)]).toEqual([
      '{"name":"b","version":1}',
      '{"name":"a","version":2}',
      undefined,
    ]);
  });

  test('few topics go on without readers', () => {
    const { hub } = hubOf({ maxIdleTopics: 2 });
    const topics = [driven(), driven(), driven()];
    for (const [i, { source }] of topics.entries()) hub.subscribe(`metrics:${i}`, source, nothing).unsubscribe();
    expect(topics.map(({ running }) => running())).toEqual([0, 1, 1]);
    hub.close();
    expect(topics.map(({ running }) => running())).toEqual([0, 0, 0]);
  });
});
