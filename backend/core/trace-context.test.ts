import { expect, it } from 'vitest';
import { type InvocationId, newId } from '../../shared/ids.ts';
import { isSampled, isTraceparent, traceContextOf, traceparentOf } from './trace-context.ts';

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
  expect(traceparentOf(context, 1)).toBe(`00-${'a1'.repeat(16)}-${context.spanId}-00`);
  expect(traceparentOf({ ...context, isSampled: true }, 0)).toBe(`00-${'a1'.repeat(16)}-${context.spanId}-01`);
});

it('takes ids that begin with zeros, and reads one bit of the flags', () => {
  const traceId = `0${'a'.repeat(31)}`;
  const parentSpanId = `0${'b'.repeat(15)}`;
  for (const [flags, isSampled] of [
    ['00', false],
    ['01', true],
    ['02', false],
    ['03', true],
    ['ff', true],
  ] as const) {
    const traceparent = `00-${traceId}-${parentSpanId}-${flags}`;
    expect(traceContextOf({ id, attempt: 1, traceparent })).toMatchObject({ traceId, parentSpanId, isSampled });
  }
  for (const wrong of [` 00-${traceId}-${parentSpanId}-00`, `00-${traceId}-${parentSpanId}-00-`])
    expect(isTraceparent(wrong)).toBe(false);
});

it('exports the share of traces that the low 52 bits say', () => {
  const own = (low: string) => ({
    traceId: low.padStart(32, 'f'),
    spanId: '',
    parentSpanId: undefined,
    isSampled: undefined,
  });
  const half = `8${'0'.repeat(12)}`;
  expect([isSampled(own(`7${'f'.repeat(12)}`), 0.5), isSampled(own(half), 0.5)]).toEqual([true, false]);
  expect(isSampled(own('0'.repeat(13)), 0)).toBe(false);
});

it('numbers the spans of the attempts in their low 32 bits', () => {
  const spans = (text: string) =>
    [1, 2, 3, 17].map(
      (attempt) => traceContextOf({ id: `inv_${text}` as InvocationId, attempt, traceparent: undefined }).spanId,
    );
  const last = ['00000000', '00000001', '00000002', '00000010'];
  expect(spans('00000000000000000060000000')).toEqual(last.map((low) => `00000030${low}`));
  expect(spans('00000000000000000003000000').slice(1)).toEqual(
    ['c0000001', 'c0000002', 'c0000010'].map((low) => `00000000${low}`),
  );
  expect(spans('z'.repeat(26))).toEqual(
    ['ffffffff', 'fffffffe', 'fffffffd', 'ffffffef'].map((low) => `ffffffff${low}`),
  );
});

it('gives every attempt a span of its own in one trace', () => {
  const [first, second] = [1, 2].map((attempt) => traceContextOf({ id, attempt, traceparent: undefined }));
  expect(second?.traceId).toBe(first?.traceId);
  expect(second?.spanId).not.toBe(first?.spanId);
});

it('says in the header whether a trace that begins here is exported', () => {
  const own = traceContextOf({ id, attempt: 1, traceparent: undefined });
  expect(traceparentOf(own, 1)).toBe(`00-${own.traceId}-${own.spanId}-01`);
  expect(traceparentOf(own, 0)).toBe(`00-${own.traceId}-${own.spanId}-00`);
  // The same answer for every attempt, and for whoever exports it.
  const again = traceContextOf({ id, attempt: 7, traceparent: undefined });
  expect(traceparentOf(again, 0.5).slice(-2)).toBe(isSampled(own, 0.5) ? '01' : '00');
});

it('has the low 128 bits of the id, in the digits of Crockford', () => {
  const written = ('inv_' + '7zzzzzzzzz' + '0123456789abcdef') as InvocationId;
  const value = [...written.slice(4)].reduce(
    (sum, char) => (sum << 5n) | BigInt('0123456789abcdefghjkmnpqrstvwxyz'.indexOf(char)),
    0n,
  );
  const { traceId, spanId } = traceContextOf({ id: written, attempt: 1, traceparent: undefined });
  expect(traceId).toBe((value & ((1n << 128n) - 1n)).toString(16).padStart(32, '0'));
  expect(spanId).toBe(traceId.slice(16));
});

it('ignores a header that is none, and never makes an id of zeros', () => {
  expect(traceContextOf({ id, attempt: 1, traceparent: 'nonsense' }).isSampled).toBeUndefined();
  for (const none of [
    '',
    `00-${'0'.repeat(32)}-${'b2'.repeat(8)}-00`,
    `00-${'a1'.repeat(16)}-${'0'.repeat(16)}-00`,
    `01-${'a1'.repeat(16)}-${'b2'.repeat(8)}-00`,
  ])
    expect(isTraceparent(none)).toBe(false);
  const zero = `inv_${'0'.repeat(26)}` as InvocationId;
  const context = traceContextOf({ id: zero, attempt: 1, traceparent: undefined });
  expect(context.traceId).toBe(`${'0'.repeat(31)}1`);
  expect(context.spanId).toBe(`${'0'.repeat(15)}1`);
});

it('takes what is no digit of an id for 0, in ASCII and beyond', () => {
  const clean = `inv_${'0'.repeat(24)}01` as InvocationId;
  const odd = `inv_é${'€!'.repeat(11)}u01` as InvocationId;
  expect(traceContextOf({ id: odd, attempt: 1, traceparent: undefined })).toEqual(
    traceContextOf({ id: clean, attempt: 1, traceparent: undefined }),
  );
});
