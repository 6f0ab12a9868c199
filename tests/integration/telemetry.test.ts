import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { type Platform, startPlatform } from '../support/platform.ts';

/** A platform that exports to a collector, as OTLP/HTTP with JSON. */
let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;
let platform: Platform;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  platform = await startPlatform({
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SERVICE_NAME: 'hearth-test' },
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

it('exports each attempt in the trace of its caller, and what was called from inside below it', async () => {
  const deploy = async (name: string, source: string) => {
    const body = { name, runtime: 'nodejs', files: { 'index.mjs': source } };
    expect((await platform.api('POST', '/api/v1/functions', body)).status).toBe(201);
  };
  await deploy('front', 'export const handler = async (event, context) => ({ traceparent: context.traceparent });');
  const traceId = 'ab'.repeat(16);
  const answer = await fetch(`${platform.gatewayUrl}/front?token=planted`, {
    headers: { traceparent: `00-${traceId}-${'cd'.repeat(8)}-01` },
  });
  const { traceparent } = (await answer.json()) as { traceparent: string };
  // What is waiting is sent before the platform ends.
  expect(await platform.stop()).toBe(0);

  expect(receiver.received.flatMap(({ faults }) => faults)).toEqual([]);
  const text = JSON.stringify(receiver.received.map(({ payload }) => payload));
  expect(text).toContain('hearth-test');
  expect(text).toContain('faas.invoke_duration');
  expect(text).not.toContain('planted');
  const spans = spansIn(receiver.received);
  const root = spans.find((span) => span.name === 'GET front');
  expect(root).toMatchObject({ traceId, parentSpanId: 'cd'.repeat(8) });
  expect(spans.filter((span) => span.parentSpanId === root?.spanId).map((span) => span.name)).toContain('handler');
  // The function is told the span of its own attempt, so that its calls become children of it.
  expect(traceparent).toBe(`00-${traceId}-${root?.spanId}-01`);
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
