import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { invocation, recordingLogger, startAt, versionB1 } from '../../../tests/support/metrics-fixture.ts';
import { faultsOf, startOtlpReceiver } from '../../../tests/support/otlp-receiver.ts';
import { isSampled } from '../../core/trace-context.ts';
import { FaasMetrics } from './faas-metrics.ts';
import { OtlpExporter } from './otlp-exporter.ts';
import { metricsRequest, traceRequest, unixNano } from './otlp-json.ts';
import { spanFactsOf, spansOf } from './spans.ts';

const resource = { attributes: [] };
const attributesOf = (holder: { attributes: readonly { key: string; value: object }[] } | undefined) =>
  Object.fromEntries((holder?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0] as unknown]));

describe('spans', () => {
  it('tell an attempt with the names of the conventions, and each phase that took time', () => {
    const spans = spansOf(spanFactsOf(invocation({ at: startAt, start: 'cold', totalMs: 50, httpStatus: 200 })));
    expect(spans.map((span) => span.name)).toEqual([
      'GET a',
      'queue',
      'acquire',
      'boot',
      'specialise',
      'init',
      'handler',
    ]);
    const [root, ...phases] = spans;
    expect(attributesOf(root)).toMatchObject({
      'faas.name': 'a',
      'faas.version': '1',
      'faas.trigger': 'http',
      'faas.coldstart': true,
      'http.response.status_code': '200',
      'url.path': '/a',
    });
    expect(JSON.stringify(spans)).not.toContain('secret');
    expect(root?.startTimeUnixNano).toBe(unixNano(startAt - 50));
    for (const phase of phases) expect(phase).toMatchObject({ traceId: root?.traceId, parentSpanId: root?.spanId });
    expect(new Set(spans.map((span) => span.spanId)).size).toBe(spans.length);
    expect(faultsOf('/v1/traces', traceRequest(resource, '1', spans))).toEqual([]);
  });

  it('of a failed attempt say what failed', () => {
    const outcome = { kind: 'function-error', type: 'RangeError', message: 'too far', stack: '' } as const;
    const [root] = spansOf(spanFactsOf(invocation({ at: startAt, trigger: 'schedule', outcome })));
    expect(root).toMatchObject({ kind: 5, status: { code: 2, message: 'too far' } });
    expect(attributesOf(root)).toMatchObject({ 'error.type': 'RangeError', 'faas.trigger': 'timer' });
  });

  it('are sampled by trace, as the caller decided where there is one', () => {
    const own = {
      traceId: `${'0'.repeat(19)}8000000000000`,
      spanId: '',
      parentSpanId: undefined,
      isSampled: undefined,
    };
    expect([0, 0.4, 0.6, 1].map((ratio) => isSampled(own, ratio))).toEqual([false, false, true, true]);
    expect(isSampled({ ...own, isSampled: true }, 0)).toBe(true);
    expect(isSampled({ ...own, isSampled: false }, 1)).toBe(false);
  });

  it('have times in nanoseconds without losing digits', () => {
    expect(unixNano(1_893_499_200_000.25)).toBe('1893499200000250000');
  });
});

describe('metrics', () => {
  it('are totals per version and trigger with the names of the conventions', () => {
    const metrics = new FaasMetrics({ maxSeries: 10, startedAt: startAt });
    expect(metrics.read(startAt)).toEqual([]);
    metrics.record(invocation({ at: startAt, start: 'cold' }));
    metrics.record(
      invocation({ at: startAt, outcome: { kind: 'function-fault', fault: 'timeout', message: 'too slow' } }),
    );
    metrics.record(invocation({ at: startAt, version: versionB1, trigger: 'async' }));
    const read = metrics.read(startAt + 1_000);
    expect(read.map(({ name }) => name)).toEqual([
      ...['faas.invocations', 'faas.errors', 'faas.timeouts', 'faas.coldstarts', 'faas.invoke_duration'],
      ...['faas.init_duration', 'faas.cpu_usage', 'faas.mem_usage', 'faas.net_io'],
    ]);
    const counts = (name: string) =>
      read.find((metric) => metric.name === name)?.sum?.dataPoints.map(({ asInt }) => asInt);
    expect(counts('faas.invocations')).toEqual(['2', '1']);
    expect(counts('faas.timeouts')).toEqual(['1', '0']);
    const duration = read.find(({ name }) => name === 'faas.invoke_duration')?.histogram?.dataPoints[0];
    expect(duration?.bucketCounts).toHaveLength((duration?.explicitBounds.length ?? 0) + 1);
    expect(duration).toMatchObject({ count: '2', sum: 0.004 });
    expect(faultsOf('/v1/metrics', metricsRequest(resource, '1', read))).toEqual([]);
  });

  it('stay bounded: what is too much counts together', () => {
    const metrics = new FaasMetrics({ maxSeries: 1, startedAt: startAt });
    for (const trigger of ['http', 'api', 'async'] as const) metrics.record(invocation({ at: startAt, trigger }));
    const points = metrics.read(startAt)[0]?.sum?.dataPoints ?? [];
    expect(points.map((point) => [attributesOf(point)['faas.name'], point.asInt])).toEqual([
      ['a', '1'],
      ['other', '2'],
    ]);
  });
});

describe('the check of payloads', () => {
  it('finds fields that the published types do not have, and values of another form', () => {
    const payload = { resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'x', colour: 'red' }] }] }] };
    expect(faultsOf('/v1/traces', payload)).toHaveLength(1);
    expect(() =>
      faultsOf('/v1/traces', { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'xyz' }] }] }] }),
    ).toThrow();
  });
});

describe('OtlpExporter', () => {
  let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;
  beforeEach(async () => {
    receiver = await startOtlpReceiver();
  });
  afterEach(() => receiver.close());

  function exporter(endpoint = receiver.url) {
    const { logger, messages } = recordingLogger();
    const made = new OtlpExporter({
      ...{ endpoint, headers: { 'x-team': 'blue' }, timeoutMs: 5_000, clock: new ManualClock(startAt), logger },
      ...{ version: '1.2.3', serviceName: 'hearth', resourceAttributes: { zone: 'a' }, sampleRatio: 1 },
      metricIntervalMs: 60_000,
    });
    return { made, messages };
  }

  it('sends spans and totals that the published types know, with its headers and resource', async () => {
    const { made } = exporter();
    made.record(invocation({ at: startAt, start: 'cold' }));
    await made.close();
    expect(receiver.received.map(({ path }) => path).sort()).toEqual(['/v1/metrics', '/v1/traces']);
    for (const { faults, headers, payload } of receiver.received) {
      expect(faults).toEqual([]);
      expect(headers).toMatchObject({ 'x-team': 'blue', 'content-type': 'application/json' });
      expect(JSON.stringify(payload)).toContain('{"key":"service.name","value":{"stringValue":"hearth"}}');
    }
  });

  it('sends again what a busy collector did not take, and gives up what it refuses', async () => {
    const { made, messages } = exporter();
    receiver.answers.push(503);
    made.record(invocation({ at: startAt }));
    await made.flush();
    await made.flush();
    const traces = () => receiver.received.filter(({ path }) => path === '/v1/traces').length;
    expect(traces()).toBe(1);
    expect(messages.join()).toContain('tried again');
    receiver.answers.push(200, 400);
    made.record(invocation({ at: startAt }));
    await made.flush();
    expect(traces() + made.dropped).toBe(2);
  });

  it('never holds a call up, also where nobody listens', async () => {
    receiver.close();
    const { made } = exporter('http://127.0.0.1:1');
    for (let index = 0; index < 9_000; index++) made.record(invocation({ at: startAt }));
    expect(made.dropped).toBe(9_000 - 8_192);
    await made.close();
  });
});
