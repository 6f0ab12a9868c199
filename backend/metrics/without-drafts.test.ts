import { expect, it } from 'vitest';
import { draftVersion } from '../../shared/drafts.ts';
import { invocation, startAt, versionA1 } from '../../tests/support/metrics-fixture.ts';
import type { MetricEvent } from '../core/ports/metrics-sink.ts';
import { withoutDrafts } from './without-drafts.ts';

it('lets everything through but what happens to a draft', async () => {
  const seen: MetricEvent[] = [];
  let flushes = 0;
  const sink = withoutDrafts({
    record: (event) => seen.push(event),
    flush: async () => {
      flushes++;
    },
  });
  const draft = { ...versionA1, version: draftVersion };
  const ofVersion = invocation({ at: startAt, version: versionA1 });
  const ofNone: MetricEvent = { kind: 'build', at: startAt, tookMs: 1, outcome: 'success' };
  const refusal = { kind: 'egress-refused', at: startAt, host: 'example.org:443', reason: 'not-on-list' } as const;
  for (const event of [
    invocation({ at: startAt, version: draft }),
    ofVersion,
    { kind: 'instance-io', at: startAt, version: draft, io: {} } as MetricEvent,
    { ...refusal, version: draft } as MetricEvent,
    ofNone,
  ])
    sink.record(event);
  await sink.flush();
  expect(seen).toEqual([ofVersion, ofNone]);
  expect(flushes).toBe(1);
});
