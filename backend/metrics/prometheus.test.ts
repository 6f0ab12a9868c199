import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { triggerKinds } from '../../shared/invocation.ts';
import { collect, invocation, quietHost, startAt, versionA1, versionB1 } from '../../tests/support/metrics-fixture.ts';
import { EventCounters } from './collector/event-counters.ts';
import { PrometheusPage } from './prometheus.ts';

function pageOf(options: { readonly maxSeries?: number } = {}) {
  const { collector } = collect({ isStarted: false, ...options });
  const page = new PrometheusPage({
    counters: collector.counters,
    gauges: () => collector.gauges(),
    buildInfo: { version: '1.2.3', nodeVersion: 'v24' },
    extraCounters: [{ name: 'log_lines_dropped_total', help: 'Lines.', value: () => 7 }],
  });
  return { collector, page };
}

/** Reads the text format back: sample name with labels -> value. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, sample = '', value] = /^([a-z_]+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    expect(samples.has(sample), `${line} comes once`).toBe(false);
    expect(Number.isFinite(Number(value)), line).toBe(true);
    samples.set(sample, Number(value));
  }
  return samples;
}
const sumOf = (samples: ReadonlyMap<string, number>, name: string) =>
  [...samples].filter(([sample]) => sample.startsWith(`${name}{`)).reduce((sum, [, value]) => sum + value, 0);

describe('PrometheusPage', () => {
  test('names every metric with its type and its labels', async () => {
    const { collector, page } = pageOf();
    collector.record(invocation({ at: startAt, totalMs: 60, start: 'cold', trigger: 'schedule' }));
    collector.record(invocation({ at: startAt, outcome: { kind: 'function-fault', fault: 'timeout', message: '' } }));
    collector.record({ kind: 'throttle', at: startAt, functionName: 'a', limit: 'queue' });
    collector.record({ kind: 'retry', at: startAt, functionName: 'a' });
    collector.record({ kind: 'refusal', at: startAt, functionName: 'a', reason: 'unauthenticated' });
    collector.record({ kind: 'late-result', at: startAt, functionName: 'a' });
    collector.record({ kind: 'build', at: startAt, tookMs: 1_500, outcome: 'failure' });
    const io = { networkReceivedBytes: 5, networkSentBytes: 7, diskReadBytes: 0, diskWrittenBytes: 9 };
    collector.record({ kind: 'instance-io', at: startAt, version: versionA1, io });
    collector.record({ kind: 'batch', at: startAt, version: versionA1, size: 12, waitMs: 3 });
    const refused = { kind: 'egress-refused', at: startAt, version: versionA1, host: 'evil.example:443' } as const;
    collector.record({ ...refused, reason: 'not-on-list' });
    const text = await page.text();
    const samples = parse(text);
    expect(text).toContain('# TYPE hearth_invocation_duration_seconds histogram');
    expect(text).toContain('# TYPE hearth_invocations_total counter');
    const at = (sample: string) => samples.get(`hearth_${sample}`);
    expect({
      scheduled: at('invocations_total{function="a",version="1",status="success",trigger="schedule"}'),
      timeouts: at('timeouts_total{function="a",version="1"}'),
      errors: at('errors_total{function="a",version="1",type="timeout"}'),
      cold: at('coldstarts_total{function="a",version="1"}'),
      booted: at('starts_total{function="a",version="1",start="cold"}'),
      init: at('init_duration_seconds_sum{function="a",version="1"}'),
      fast: at('invocation_duration_seconds_bucket{function="a",version="1",le="0.05"}'),
      slow: at('invocation_duration_seconds_bucket{function="a",version="1",le="0.075"}'),
      all: at('invocation_duration_seconds_bucket{function="a",version="1",le="+Inf"}'),
      refused: at('egress_refused_total{function="a",reason="not-on-list"}'),
      received: at('instance_network_bytes_total{function="a",version="1",direction="receive"}'),
      sent: at('instance_network_bytes_total{function="a",version="1",direction="transmit"}'),
      read: at('instance_disk_bytes_total{function="a",version="1",direction="read"}'),
      written: at('instance_disk_bytes_total{function="a",version="1",direction="write"}'),
      batches: at('batch_size_bucket{function="a",version="1",le="16"}'),
      smaller: at('batch_size_bucket{function="a",version="1",le="8"}'),
      batched: at('batch_size_sum{function="a",version="1"}'),
      waited: at('batch_wait_seconds_sum{function="a",version="1"}'),
      throttles: at('throttles_total{function="a",limit="queue"}'),
      outside: at('refused_calls_total{function="a",reason="unauthenticated"}'),
      retries: at('retries_total{function="a"}'),
      late: at('late_results_total{function="a"}'),
      builds: at('build_duration_seconds_bucket{result="failure",le="2.5"}'),
      info: at('build_info{version="1.2.3",node_version="v24"}'),
      idle: at('instances{state="idle"}'),
      depth: at('queue_depth{queue="async"}'),
      cpu: at('host_cpu_ratio'),
      lines: at('log_lines_dropped_total'),
    }).toEqual({
      scheduled: 1,
      timeouts: 1,
      errors: 1,
      cold: 1,
      booted: 1,
      init: 0.035,
      fast: 1,
      slow: 2,
      all: 2,
      received: 5,
      sent: 7,
      read: undefined,
      written: 9,
      batches: 1,
      smaller: 0,
      batched: 12,
      waited: 0.003,
      throttles: 1,
      refused: 1,
      outside: 1,
      retries: 1,
      late: 1,
      builds: 1,
      info: 1,
      idle: 0,
      depth: 0,
      cpu: quietHost.cpuPercent / 100,
      lines: 7,
    });
    expect(page.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  test('counts every invocation exactly once, never goes down, and keeps its labels bounded', async () => {
    const call = fc.record({ version: fc.integer({ min: 1, max: 40 }), trigger: fc.constantFrom(...triggerKinds) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(call, { maxLength: 30 }), { maxLength: 5 }), async (rounds) => {
        const { collector, page } = pageOf({ maxSeries: 8 });
        let expected = 0;
        let before = new Map<string, number>();
        for (const round of rounds) {
          for (const { version, trigger } of round) {
            const versionId = `ver_${version}` as typeof versionA1.versionId;
            collector.record(invocation({ at: startAt, version: { ...versionA1, versionId, version }, trigger }));
            expected++;
          }
          const samples = parse(await page.text());
          expect(sumOf(samples, 'hearth_invocations_total')).toBe(expected);
          expect(sumOf(samples, 'hearth_invocation_duration_seconds_count')).toBe(expected);
          for (const [sample, value] of before) {
            if (/_(total|count|sum|bucket)/.test(sample))
              expect(samples.get(sample) ?? -1, sample).toBeGreaterThanOrEqual(value);
          }
          const versions = [...samples.keys()].filter((sample) => sample.startsWith('hearth_timeouts_total'));
          expect(versions.length).toBeLessThanOrEqual(9);
          before = samples;
        }
      }),
      { numRuns: 25 },
    );
  });

  test('goes on counting when a function is deleted and made anew', async () => {
    const { collector, page } = pageOf();
    collector.record(invocation({ at: startAt }));
    const versionId = 'ver_new' as typeof versionA1.versionId;
    collector.record(invocation({ at: startAt, version: { ...versionA1, versionId } }));
    expect(sumOf(parse(await page.text()), 'hearth_invocations_total')).toBe(2);
  });

  test('is not spoilt by numbers that no honest sandbox reports', async () => {
    const { collector, page } = pageOf();
    const event = invocation({ at: startAt, version: versionB1 });
    for (const cpuMs of [Number.NaN, -5, Number.POSITIVE_INFINITY, 2_000]) {
      const usage = { ...event.report.usage, cpuMs, requestBytes: cpuMs };
      collector.record({ ...event, report: { ...event.report, usage } });
    }
    expect(parse(await page.text()).get('hearth_instance_cpu_seconds_total{function="b",version="1"}')).toBe(2);
  });

  test('counts what exceeds the bound of label values under `other`', () => {
    const counters = new EventCounters(2);
    for (const functionName of ['a', 'b', 'c', 'd', 'a']) counters.add({ kind: 'retry', at: 0, functionName });
    expect([...counters.retries.entries()]).toEqual([
      [['a'], 2],
      [['b'], 1],
      [['other'], 2],
    ]);
  });
});
