import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

/** A platform that exports to a collector, as OTLP/HTTP with JSON. */
let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;
let platform: Platform;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  platform = await startPlatform({
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_SERVICE_NAME: 'hearth-test',
      HEARTH_ALLOW_UNSANDBOXED: 'true',
    },
  });
});
afterAll(async () => {
  await platform.dispose();
  receiver.close();
});

it('has every number that the dashboards and rules in deploy/ ask for', async () => {
  const page = await (await fetch(`${platform.url}/metrics`)).text();
  const known = new Set(
    [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  const wanted = ['deploy/grafana/hearth.json', 'deploy/prometheus/alerts.yml'].flatMap(
    (path) =>
      readFileSync(join(import.meta.dirname, '../..', path), 'utf8').match(
        /\b(hearth|process)_[a-z_]+(?=[{[ )"<>\\]|$)/gm,
      ) ?? [],
  );
  expect(wanted.length).toBeGreaterThan(30);
  expect(wanted.filter((name) => !known.has(name))).toEqual([]);
});

const deploy = async (name: string, source: string, more: object = {}) => {
  const body = { name, runtime: 'nodejs', files: { 'index.mjs': source }, ...more };
  const answer = await platform.api('POST', '/api/v1/functions', body);
  expect(answer.status, await answer.text()).toBe(201);
};
interface Told {
  readonly traceparent: string;
  readonly header?: string;
}

it('exports each attempt in the trace of its caller, and what was called from inside below it', async () => {
  const tell =
    'export const handler = async (event, context) => ({ traceparent: context.traceparent, header: event?.headers?.traceparent });';
  const tellEach =
    'export const handleBatch = async (events, context) => context.items.map(({ traceparent }) => ({ traceparent }));';
  const relay = `export const handler = async (event, context) => {
    const response = await fetch(process.env.GATEWAY + '/front', { headers: context.callHeaders() });
    return { outer: { traceparent: context.traceparent }, inner: await response.json() };
  };`;
  await deploy('front', tell);
  await deploy('group', tellEach, { batch: { maxSize: 4, windowMs: 5 } });
  await deploy('relay', relay, {
    isolation: 'unsandboxed',
    egress: 'all',
    env: { GATEWAY: platform.gatewayUrl },
  });
  const traceId = 'ab'.repeat(16);
  const get = async (path: string, headers: Readonly<Record<string, string>> = {}) =>
    (await (await fetch(`${platform.gatewayUrl}${path}`, { headers })).json()) as never;
  const continued: Told = await get('/front?token=planted', { traceparent: `00-${traceId}-${'cd'.repeat(8)}-01` });
  const { outer, inner } = (await get('/relay')) as { outer: Told; inner: Told };
  const grouped: Told[] = await Promise.all([get('/group'), get('/group'), get('/group')]);
  const accepted = await platform.api('POST', '/api/v1/functions/front/invocations?mode=async', {});
  const later = await eventually(async () => {
    const found = await platform.api('GET', accepted.headers.get('location') ?? '');
    const { status, result } = (await found.json()) as { status: string; result: Told };
    expect(status).toBe('success');
    return result;
  });
  // What is waiting is sent before the platform ends.
  expect(await platform.stop()).toBe(0);

  expect(receiver.received.flatMap(({ faults }) => faults)).toEqual([]);
  const text = JSON.stringify(receiver.received.map(({ payload }) => payload));
  expect(text).toContain('hearth-test');
  expect(text).toContain('faas.invoke_duration');
  expect(text).not.toContain('planted');
  const spans = spansIn(receiver.received);
  // The function is told the span of its own attempt, so that its calls become children of it.
  const spanOf = ({ traceparent }: Told) =>
    spans.find((span) => traceparent === `00-${span.traceId}-${span.spanId}-01`);
  const root = spanOf(continued);
  expect(root).toMatchObject({ name: 'GET front', traceId, parentSpanId: 'cd'.repeat(8) });
  expect(continued.header).toBe(continued.traceparent);
  expect(spans.filter((span) => span.parentSpanId === root?.spanId).map((span) => span.name)).toContain('handler');
  // A trace that begins here goes on through the function and the gateway into what it calls.
  const caller = spanOf(outer);
  expect(caller).toMatchObject({ name: 'GET relay' });
  expect(caller?.parentSpanId).toBeUndefined();
  expect(spanOf(inner)).toMatchObject({ name: 'GET front', traceId: caller?.traceId, parentSpanId: caller?.spanId });
  expect(new Set(grouped.map((told) => spanOf(told)?.name))).toEqual(new Set(['GET group']));
  expect(new Set(grouped.map(({ traceparent }) => traceparent)).size).toBe(3);
  expect(spanOf(later)).toMatchObject({ name: 'front' });
});

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

function spansIn(received: readonly { readonly payload: object }[]): readonly Span[] {
  const requests = received.map(
    ({ payload }) => payload as { resourceSpans?: { scopeSpans: { spans: readonly Span[] }[] }[] },
  );
  return requests
    .flatMap(({ resourceSpans = [] }) => resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans }) => spans);
}
