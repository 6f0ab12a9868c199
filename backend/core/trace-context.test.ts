import { expect, it } from 'vitest';
import { type InvocationId, newId } from '../../shared/ids.ts';
import { traceContextOf, traceparentOf } from './trace-context.ts';

const id = newId('invocation');

it('begins a trace of its own, the same for everybody who has the id', () => {
  const context = traceContextOf({ id, attempt: 1, traceparent: undefined });
  expect(context.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(context.spanId).toMatch(/^[0-9a-f]{16}$/);
  expect(context).toEqual(traceContextOf({ id, attempt: 1, traceparent: undefined }));
  expect(context.parentSpanId).toBeUndefined();
  expect(traceContextOf({ id: newId('invocation'), attempt: 1, traceparent: undefined })).not.toEqual(context);
});

it('continues the trace of the caller, and passes the decision on', () => {
  const traceparent = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-00`;
  const context = traceContextOf({ id, attempt: 1, traceparent });
  expect(context).toMatchObject({ traceId: 'a1'.repeat(16), parentSpanId: 'b2'.repeat(8), isSampled: false });
  expect(traceparentOf(context)).toBe(`00-${'a1'.repeat(16)}-${context.spanId}-00`);
});

it('gives every attempt a span of its own in one trace', () => {
  const [first, second] = [1, 2].map((attempt) => traceContextOf({ id, attempt, traceparent: undefined }));
  expect(second?.traceId).toBe(first?.traceId);
  expect(second?.spanId).not.toBe(first?.spanId);
});

it('ignores a header that is none, and never makes an id of zeros', () => {
  expect(traceContextOf({ id, attempt: 1, traceparent: 'nonsense' }).isSampled).toBeUndefined();
  const zero = `inv_${'0'.repeat(26)}` as InvocationId;
  const context = traceContextOf({ id: zero, attempt: 1, traceparent: undefined });
  expect(context.traceId).toBe(`${'0'.repeat(31)}1`);
  expect(context.spanId).toBe(`${'0'.repeat(15)}1`);
});
