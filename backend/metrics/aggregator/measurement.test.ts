import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gaugeNames } from '../../../shared/api/metrics.ts';
import { functionFaults, platformFaults, startKinds, startLayers } from '../../../shared/invocation.ts';
import { cases } from '../../../tests/support/fuzz.ts';
import { invocation } from '../../../tests/support/metrics-fixture.ts';
import type { InvocationReport } from '../../core/invocation.ts';
import { ByteWriter } from '../../util/byte-codec.ts';
import type { GaugeSample } from './gauge-sums.ts';
import { Measurement } from './measurement.ts';
import { toMetricPoint } from './metric-point.ts';

const base = invocation({ at: 0 }).report;
const outcome = fc.oneof(
  fc.constant({ kind: 'success' as const }),
  fc.constant({ kind: 'cancelled' as const, message: '' }),
  fc.constant({ kind: 'function-error' as const, type: 'E', message: '', stack: '' }),
  fc.constantFrom(...functionFaults).map((fault) => ({ kind: 'function-fault' as const, fault, message: '' })),
  fc
    .constantFrom(...platformFaults)
    .map((fault) => ({ kind: 'platform-fault' as const, fault, message: '', retryable: true })),
);
/** Whole milliseconds, so that sums do not depend on the order. */
const whole = fc.nat(100_000);
const report: fc.Arbitrary<InvocationReport> = fc
  .record({
    outcome,
    start: fc.constantFrom(...startKinds),
    ms: whole,
    bytes: whole,
    httpStatus: fc.constantFrom(undefined, 200, 500),
  })
  .map(({ ms, bytes, ...rest }) => ({
    ...base,
    ...rest,
    timing: {
      queuedMs: ms % 7,
      acquireMs: ms % 90,
      bootMs: ms % 60,
      loadMs: ms % 5,
      initMs: ms % 25,
      firstByteMs: 1,
      handlerMs: ms,
      flushMs: 0,
      totalMs: ms + 1,
    },
    usage: { cpuMs: ms % 13, peakMemoryBytes: bytes, requestBytes: bytes, responseBytes: ms },
  }));

function measure(reports: readonly InvocationReport[]): Measurement {
  const measurement = new Measurement();
  for (const one of reports) measurement.addInvocation(one);
  return measurement;
}
function encode(measurement: Measurement): Buffer {
  const writer = new ByteWriter();
  measurement.encode(writer);
  return writer.copy();
}

describe('Measurement', () => {
  test('adds up in any grouping to the same point', () => {
    fc.assert(
      fc.property(fc.array(fc.array(report), { maxLength: 4 }), (groups) => {
        const sum = new Measurement();
        const fromBytes = new Measurement();
        for (const group of groups) {
          const bytes = encode(measure(group));
          sum.merge(Measurement.decode(bytes));
          fromBytes.mergeEncoded(bytes);
        }
        expect(encode(fromBytes).equals(encode(sum))).toBe(true);
        const { errorsByKind, ...rest } = toMetricPoint(sum, 0);
        const { errorsByKind: expectedErrors, ...expected } = toMetricPoint(measure(groups.flat()), 0);
        expect(rest).toEqual(expected);
        expect(errorsByKind).toEqual(expectedErrors);
      }),
      cases(),
    );
  });

  test('counts as errors what failed: not success, not cancelled, but 5xx', () => {
    fc.assert(
      fc.property(fc.array(report), (reports) => {
        const failed = reports.filter(
          ({ outcome: { kind }, httpStatus }) =>
            (kind !== 'success' && kind !== 'cancelled') || (kind === 'success' && httpStatus === 500),
        );
        const { errors, errorsByKind, invocations } = measure(reports);
        expect([errors, invocations]).toEqual([failed.length, reports.length]);
        expect([...errorsByKind.values()].reduce((sum, count) => sum + count, 0)).toBe(errors);
      }),
      cases(),
    );
  });

  test('takes every start that a caller waited for as cold, with the mean of each phase, and counts each layer', () => {
    const reports = startKinds.map((start) => ({
      ...base,
      start,
      timing: { ...base.timing, acquireMs: 50, bootMs: 30, initMs: 12 },
    }));
    const point = toMetricPoint(measure(reports), 0);
    expect(point.coldStarts).toBe(4);
    expect(point.starts).toEqual({ provisioned: 1, preloaded: 1, 'pre-warmed': 1, restored: 1, cold: 1 });
    expect(point.coldMs).toMatchObject({ boot: 30, load: 0, init: 12 });
    expect(point.coldMs?.p50).toBeCloseTo(50, 0);
  });

  test('adds up what instances moved, and keeps it', () => {
    const moved = { networkReceivedBytes: 10, networkSentBytes: 2e9, diskReadBytes: 3, diskWrittenBytes: 0 };
    const sum = new Measurement();
    expect(sum.isEmpty).toBe(true);
    for (let i = 0; i < 2; i++) {
      const part = new Measurement();
      part.addIo(moved);
      sum.merge(Measurement.decode(encode(part)));
    }
    expect(sum.isEmpty).toBe(false);
    expect(toMetricPoint(sum, 0)).toMatchObject({
      invocations: 0,
      networkReceivedBytes: 20,
      networkSentBytes: 4e9,
      diskReadBytes: 6,
      diskWrittenBytes: 0,
    });
  });

  test('adds up batches, and keeps them', () => {
    const sum = new Measurement();
    for (const [size, waitMs] of [
      [1, 0],
      [16, 4.5],
      [3, 1],
    ] as const) {
      const part = new Measurement();
      part.addBatch(size, waitMs);
      sum.merge(Measurement.decode(encode(part)));
    }
    expect(sum.isEmpty).toBe(false);
    expect(toMetricPoint(sum, 0).batches).toEqual({ count: 3, invocations: 20, meanWaitMs: 5.5 / 3 });
    expect(toMetricPoint(new Measurement(), 0).batches).toBeNull();
  });

  test('adds up calls that shared the response of another, and keeps them', () => {
    const sum = new Measurement();
    for (let i = 0; i < 3; i++) {
      const part = new Measurement();
      part.addSharedCall();
      sum.merge(Measurement.decode(encode(part)));
    }
    expect(sum.isEmpty).toBe(false);
    expect(toMetricPoint(sum, 0)).toMatchObject({ invocations: 0, sharedCalls: 3 });
  });

  test('keeps what instances held over any grouping, beside what calls took', () => {
    const MiB = 1024 * 1024;
    const sum = new Measurement();
    for (const held of [[40, 60], [50], []]) {
      const part = new Measurement();
      for (const mebibytes of held) part.addMemory(mebibytes * MiB);
      expect(part.isEmpty).toBe(held.length === 0);
      if (held.length === 1) sum.merge(Measurement.decode(encode(part)));
      else sum.mergeEncoded(encode(part));
    }
    const { memoryBytes, invocations, totalMs } = toMetricPoint(sum, 0);
    expect([invocations, totalMs, memoryBytes?.max]).toEqual([0, null, 60 * MiB]);
    expect((memoryBytes?.p50 ?? 0) / MiB).toBeCloseTo(50, -0.5);
    sum.addMemory(Number.NaN);
    expect(sum.memory?.min).toBe(0);
    expect(toMetricPoint(measure([base]), 0)).toMatchObject({
      memoryBytes: null,
      handlerTotalMs: base.timing.handlerMs,
    });
  });

  test('adds up calls that were refused apart from those over a limit, and keeps them', () => {
    const sum = new Measurement();
    for (const refusals of [2, 1]) {
      const part = new Measurement();
      for (let i = 0; i < refusals; i++) part.addRefusal();
      sum.mergeEncoded(encode(part));
    }
    expect(sum.isEmpty).toBe(false);
    expect(toMetricPoint(sum, 0)).toMatchObject({ invocations: 0, errors: 0, throttles: 0, refusals: 3 });
  });

  test('keeps mean and largest of every gauge over any grouping', () => {
    const sample = (value: number) =>
      Object.fromEntries(gaugeNames.map((name, index) => [name, value * (index + 1)])) as GaugeSample;
    const sum = new Measurement();
    for (const values of [[1, 5], [3], []]) {
      const part = new Measurement();
      for (const value of values) part.addGauges(sample(value));
      if (values.length === 1) sum.merge(Measurement.decode(encode(part)));
      else sum.mergeEncoded(encode(part));
    }
    expect([sum.isEmpty, sum.gauges?.samples]).toEqual([false, 3]);
    for (const [index, name] of gaugeNames.entries()) {
      expect(sum.gauges?.of(name)).toEqual({ mean: 3 * (index + 1), max: 5 * (index + 1) });
    }
    expect(Measurement.decode(encode(measure([base]))).gauges).toBeUndefined();
    sum.addGauges(sample(Number.NaN));
    expect(sum.gauges?.of('cpuPercent')).toEqual({ mean: 9 / 4, max: 5 });
  });

  test.each([
    [1, 'starts were counted by layer', startLayers.length + 7],
    [2, 'network and disk were counted', 7],
    [3, 'shared calls were counted', 2],
    [4, 'gauges were kept', 1],
    [5, 'memory of instances was kept', 1],
    [6, 'refusals were counted', 1],
    [7, 'phases of cold starts were kept', 0],
  ])('reads what version %d stored, before %s', (version, _what, missing) => {
    const now = encode(measure([base]));
    const rest = 4 + startLayers.length + 7;
    // At the end stand the empty sketch of memory, of two bytes, the gauges, and an empty sketch for the phases.
    const end = version >= 6 ? now.subarray(-5, -2) : version >= 5 ? now.subarray(-3, -2) : Buffer.alloc(0);
    const counts = now.subarray(1, rest - missing);
    const before = Buffer.concat([Buffer.from([version]), counts, now.subarray(rest, -5), end]);
    expect(toMetricPoint(Measurement.decode(before), 0)).toEqual(toMetricPoint(measure([base]), 0));
  });

  test('keeps the phases of cold starts, and says nothing of those that were not kept', () => {
    const starts = [1, 2, 3].map((factor) => ({
      ...base,
      start: 'cold' as const,
      timing: { ...base.timing, queuedMs: factor, acquireMs: 60 * factor, bootMs: 30 * factor, loadMs: 0, initMs: 20 },
    }));
    const sum = measure([base, ...starts.slice(0, 1)]);
    sum.merge(measure(starts.slice(1, 2)));
    sum.mergeEncoded(encode(measure(starts.slice(2))));
    const { coldPhases } = toMetricPoint(Measurement.decode(encode(sum)), 0);
    const near = (value: number) => expect.closeTo(value, 0);
    expect(coldPhases).toEqual({
      queuedMs: { p50: near(2), p95: near(3) },
      acquireMs: { p50: expect.closeTo(120, -1), p95: expect.closeTo(180, -1) },
      bootMs: { p50: near(60), p95: expect.closeTo(90, -1) },
      loadMs: { p50: 0, p95: 0 },
      initMs: { p50: near(20), p95: near(20) },
    });
    expect(toMetricPoint(measure([base]), 0).coldPhases).toBeNull();
  });

  test('leaves the handler out for invocations that never reached one', () => {
    const point = toMetricPoint(measure([{ ...base, instanceId: undefined }]), 0);
    expect([point.handlerMs, point.totalMs?.max]).toEqual([null, 2]);
  });

  test('is an empty point when nothing happened: null, not zero', () => {
    const point = toMetricPoint(new Measurement(), 86_400_000);
    expect(point).toMatchObject({
      at: '1970-01-02T00:00:00.000Z',
      invocations: 0,
      totalMs: null,
      queuedMs: null,
      coldMs: null,
    });
  });

  test('does not let numbers from a sandbox spoil a sum', () => {
    const hostile = [Number.NaN, -1, Number.POSITIVE_INFINITY].map((value) => ({
      ...base,
      usage: { cpuMs: value, peakMemoryBytes: value, requestBytes: value, responseBytes: value },
    }));
    const { cpuMs, peakMemoryBytes, requestBytes } = Measurement.decode(encode(measure(hostile)));
    for (const sum of [cpuMs, peakMemoryBytes, requestBytes]) expect(sum).toBe(1e12);
  });

  const valid = encode(measure([base, { ...base, start: 'cold' }, { ...base, httpStatus: 503 }]));
  /** Either refuses the bytes and adds nothing, or reads a measurement that encodes to the same bytes. */
  function checkHostile(bytes: Uint8Array): void {
    let measurement: Measurement;
    const sum = Measurement.decode(valid);
    try {
      measurement = Measurement.decode(bytes);
    } catch (error) {
      expect(error).toMatchObject({ code: 'bad_encoding' });
      expect(() => sum.mergeEncoded(bytes)).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
      expect(encode(sum).equals(valid)).toBe(true);
      return;
    }
    sum.mergeEncoded(bytes);
    expect(sum.invocations).toBe(3 + measurement.invocations);
    // What an earlier version encoded comes back in the newest.
    if (bytes[0] === valid[0]) expect(encode(measurement).equals(bytes)).toBe(true);
    JSON.stringify(toMetricPoint(measurement, 0), (_key, value: unknown) => {
      if (typeof value === 'number') expect(value).toBeGreaterThanOrEqual(0);
      return value;
    });
  }

  test('either refuses hostile bytes or reads a measurement that encodes to the same bytes', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.tuple(fc.nat(valid.length - 1), fc.nat(255)).map(([at, byte]) => {
        const bytes = Buffer.from(valid);
        bytes[at] = byte;
        return bytes;
      }),
      fc.nat(valid.length - 1).map((length) => valid.subarray(0, length)),
      fc.constant(Buffer.concat([valid, Buffer.from([0])])),
    );
    fc.assert(fc.property(hostile, checkHostile), cases(3_000));
  });

  /** A measurement in which nothing happened but errors of these kinds. */
  function withErrors(kinds: readonly (readonly [string, number])[]): Buffer {
    const nothing = encode(new Measurement());
    const writer = new ByteWriter();
    writer.varint(kinds.length);
    for (const [kind, count] of kinds) {
      writer.text(kind);
      writer.varint(count);
    }
    // In front of the five empty sketches of two bytes, the gauges and that of the phases stands the number of kinds.
    const at = nothing.length - 5 * 2 - 1 - 2 - 1;
    return Buffer.concat([nothing.subarray(0, at), writer.copy(), nothing.subarray(at + 1)]);
  }
  const kinds = (count: number) => Array.from({ length: count }, (_, i) => [`kind-${i}`, i + 1] as const);

  test('keeps 63 kinds of errors and counts the rest as one, whatever is added up', () => {
    const sum = new Measurement();
    for (const bytes of [withErrors(kinds(63)), withErrors([['new', 5]]), withErrors([['newer', 6]])])
      sum.mergeEncoded(bytes);
    expect([sum.errorsByKind.size, sum.errorsByKind.get('other'), sum.errors]).toEqual([64, 11, 63 * 32 + 11]);
    sum.mergeEncoded(withErrors([['kind-0', 4]]));
    expect(sum.errorsByKind.get('kind-0')).toBe(5);
    expect(encode(Measurement.decode(encode(sum))).equals(encode(sum))).toBe(true);
  });

  test.each<[string, readonly (readonly [string, number])[], string]>([
    [
      'a kind twice',
      [
        ['a', 1],
        ['a', 1],
      ],
      'comes twice',
    ],
    ['64 kinds without the rest', kinds(64), 'is not the rest'],
    ['the rest early, and 64 kinds', [['other', 1], ...kinds(63)], 'is not the rest'],
    ['65 kinds', [...kinds(64), ['other', 1]], 'too many kinds'],
    ['a kind too long', [['x'.repeat(65), 1]], 'text is too long'],
    [
      'more errors than can be counted',
      [
        ['a', Number.MAX_SAFE_INTEGER],
        ['b', 1],
      ],
      'counts too much',
    ],
  ])('refuses %s', (_what, errors, why) => {
    const bytes = withErrors(errors);
    expect(() => Measurement.decode(bytes)).toThrow(why);
    expect(() => new Measurement().mergeEncoded(bytes)).toThrow(why);
  });

  test('does so for every bit of a stored one that is flipped', () => {
    for (let bit = 0; bit < valid.length * 8; bit++) {
      const bytes = Buffer.from(valid);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      checkHostile(bytes);
    }
  });
});
