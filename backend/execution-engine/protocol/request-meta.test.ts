import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { triggerKinds } from '../../../shared/invocation.ts';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { invocationOf, versionOf } from '../../../tests/fakes/pool-rig.ts';
import { traceContextOf } from '../../core/trace-context.ts';
import { requestMeta, wholeBody } from './request-meta.ts';

const clock = new ManualClock();
const callChains = { tokenOf: ({ depth }: { readonly depth: number }) => `signed ${depth}` };
const metaOf = (...given: Parameters<typeof requestMeta>) => JSON.parse(requestMeta(...given)) as Record<string, never>;

describe('what a function is told of its call', () => {
  it.each(triggerKinds)('has a trace, begun here or not, when the trigger is %s', (trigger) => {
    const begun = invocationOf(versionOf(), {}, clock, { trigger });
    const { traceId, spanId } = traceContextOf(begun);
    expect(metaOf(begun, { callChains, traceSampleRatio: 0 })['traceparent']).toBe(`00-${traceId}-${spanId}-00`);
    expect(metaOf(begun, { callChains, traceSampleRatio: 1 })['traceparent']).toBe(`00-${traceId}-${spanId}-01`);
    const theirs = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`;
    const continued = { ...begun, traceparent: theirs };
    expect(metaOf(continued, { callChains, traceSampleRatio: 0 })['traceparent']).toBe(
      `00-${'a1'.repeat(16)}-${spanId}-01`,
    );
  });

  it('has what it may hand on to its calls when it has a network', () => {
    const onward = { callChains, traceSampleRatio: 0 };
    const version = versionOf();
    const alone = invocationOf(version, {}, clock, { depth: 4 });
    const open = { ...alone, version: { ...version, config: { ...version.config, egress: 'all' as const } } };
    expect(metaOf(alone, onward)).not.toHaveProperty('callChain');
    expect(metaOf(open, onward)).toMatchObject({ depth: 4, callChain: 'signed 4' });
    expect(metaOf(open, { ...onward, callChains: undefined })).not.toHaveProperty('callChain');
    expect(metaOf(open, onward, 12)).toMatchObject({ bodyBytes: 12 });
  });

  it.each([[[]], [['x-a', 'say "hi" \\ \u2028 \ud800 ü', 'x-b', '']]])(
    'is JSON whatever a client sends (headers %j)',
    (headers) => {
      const base = invocationOf(versionOf(), {}, clock);
      const request = {
        kind: 'http' as const,
        method: 'PO"ST',
        target: '/a"b\\c?\u0000=é',
        headers,
        clientAddress: '::1"',
        scheme: 'https',
        host: 'a"b',
        params: { __proto: '"}]', id: '7' },
        body: Buffer.alloc(0),
      };
      const { body: _body, ...given } = request;
      const meta = metaOf({ ...base, request }, { callChains, traceSampleRatio: 0 });
      expect(meta).toEqual({
        ...given,
        invocationId: base.id,
        deadlineMs: base.deadlineAt,
        attempt: base.attempt,
        trigger: base.trigger,
        depth: 0,
        traceparent: meta['traceparent'],
        headers: [...headers, 'traceparent', meta['traceparent']],
      });
      const socket = metaOf(
        { ...base, request: { ...request, isWebSocket: true } },
        { callChains, traceSampleRatio: 0 },
      );
      expect(socket).toEqual({ ...meta, webSocket: true });
    },
  );
});

it('tells a body that is there from one that still arrives', () => {
  const body = Buffer.from('x');
  expect(wholeBody(body)).toBe(body);
  expect(wholeBody(Readable.from([body]))).toBeUndefined();
});
