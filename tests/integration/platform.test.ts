import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvents } from '../../cli/event-stream.ts';
import { deployedSchema, functionPageSchema, versionPageSchema } from '../../shared/api/functions.ts';
import {
  acceptedSchema,
  deadLetterPageSchema,
  invocationDetailSchema,
  invocationPageSchema,
  logPageSchema,
} from '../../shared/api/invocations.ts';
import { logHistogramSchema } from '../../shared/api/log-histogram.ts';
import { gaugeSeriesSchema, liveTickSchema, metricsSchema } from '../../shared/api/metrics.ts';
import { poolsSchema, systemSchema } from '../../shared/api/system.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => await platform.dispose());

async function deploy(name: string, source: string, config: object = {}) {
  const response = await platform.api('POST', '/api/v1/functions', {
    name,
    files: { 'index.mjs': source },
    runtime: 'nodejs',
    ...config,
  });
  expect(response.status, await response.clone().text()).toBe(201);
  return deployedSchema.parse(await response.json());
}
const gateway = async (path: string, init?: RequestInit): Promise<Response> =>
  await fetch(`${platform.gatewayUrl}${path}`, init);
const detailOf = async (id: string) =>
  invocationDetailSchema.parse(await (await platform.api('GET', `/api/v1/invocations/${id}`)).json());

describe('a whole platform in its own process', () => {
  it('deploys TypeScript and answers through the gateway, cold and warm', async () => {
    const deployed = await deploy('greet', '', {
      files: {
        'index.ts':
          'export const handler = async (event: { rawPath: string }): Promise<object> => ({ path: event.rawPath });',
      },
    });
    expect(deployed.version.version).toBe(1);
    expect(deployed.url).toBe(`${platform.gatewayUrl}/greet`);
    const first = await gateway('/greet/a?b=1');
    expect(await first.json()).toEqual({ path: '/a' });
    const second = await gateway('/greet');
    expect(second.headers.get('hearth-invocation-id')).toMatch(/^inv_/);
    await eventually(async () => {
      const page = invocationPageSchema.parse(
        await (await platform.api('GET', '/api/v1/invocations?function=greet')).json(),
      );
      expect(page.items.map((item) => item.start)).toEqual(['warm', expect.stringMatching(/cold|pre-warmed/)]);
      expect(page.items[1]?.timing?.initMs).toBeGreaterThan(0);
    });
  });

  it('runs Python', async () => {
    const response = await platform.api('POST', '/api/v1/functions', {
      name: 'py',
      runtime: 'python',
      files: {
        'main.py':
          'def handler(event, context):\n    print("from python")\n    return {"sum": sum(event["numbers"]), "name": context.function_name}\n',
      },
    });
    expect(response.status, await response.clone().text()).toBe(201);
    const result = await platform.api('POST', '/api/v1/functions/py/invocations', { numbers: [1, 2, 3] });
    expect(await result.json()).toEqual({ sum: 6, name: 'py' });
    const detail = await eventually(async () => {
      const found = await detailOf(result.headers.get('hearth-invocation-id') ?? '');
      expect(found.logs.map((line) => line.text)).toEqual(['from python']);
      return found;
    });
    expect(detail.status).toBe('success');
  });

  it('tells an authorised caller what the function threw, with the line of the source, and the public nothing', async () => {
    await deploy('broken', '', {
      files: {
        'index.ts':
          'interface Unused { a: number }\n\nexport function handler(): never {\n  throw new RangeError("secret detail");\n}\n',
      },
    });
    const response = await platform.api('POST', '/api/v1/functions/broken/invocations', {});
    expect(response.status).toBe(502);
    const body = (await response.json()) as { code: string; error: { type: string; message: string; stack: string } };
    expect(body).toMatchObject({ code: 'function_error', error: { type: 'RangeError', message: 'secret detail' } });
    expect(body.error.stack).toContain('index.ts:4');
    const open = await gateway('/broken');
    expect(open.status).toBe(502);
    expect(await open.text()).not.toContain('secret');
  });

  it('streams a response while it is produced', async () => {
    await deploy(
      'stream',
      // The second part is not made before the first was seen.
      `let goOn;
      const seen = new Promise((resolve) => { goOn = resolve; });
      export default { async fetch(request) {
        if (request.url.endsWith('/seen')) { goOn(); return new Response('good'); }
        const body = new ReadableStream({ async start(controller) {
          controller.enqueue(new TextEncoder().encode('ab'));
          await seen;
          controller.enqueue(new TextEncoder().encode('c'));
          controller.close();
        } });
        return new Response(body, { status: 203, headers: { 'x-test': '1' } });
      } };`,
      { handler: 'index.default', concurrency: 2, maxInstances: 1 },
    );
    const response = await gateway('/stream');
    expect([response.status, response.headers.get('x-test')]).toEqual([203, '1']);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect(await reader?.read()).toEqual({ done: false, value: 'ab' });
    expect(await (await gateway('/stream/seen')).text()).toBe('good');
    expect(await reader?.read()).toEqual({ done: false, value: 'c' });
    expect((await reader?.read())?.done).toBe(true);
  });

  it('carries binary bodies both ways, small and large', async () => {
    await deploy(
      'mirror',
      'export default { async fetch(request) { return new Response(await request.arrayBuffer()); } };',
      { handler: 'index.default' },
    );
    for (const size of [0, 1, 70_000, 3_000_000]) {
      const sent = Buffer.alloc(size);
      for (let i = 0; i < size; i++) sent[i] = (i * 31) & 255;
      const response = await gateway('/mirror', { method: 'POST', body: new Uint8Array(sent) });
      expect(response.status).toBe(200);
      expect(Buffer.from(await response.arrayBuffer()).equals(sent)).toBe(true);
    }
  });

  it('runs asynchronously, retries, and keeps what failed as a dead letter that can be sent again', async () => {
    await deploy(
      'orders',
      'export async function handler(order, context) { if (context.attempt < order.succeedsAt) throw new Error("busy " + context.attempt); return { done: order.id, attempt: context.attempt }; }',
      {
        retry: { maxAttempts: 3, maxAgeMs: 600_000, minBackoffMs: 10, maxBackoffMs: 20 },
      },
    );
    const submit = async (order: object, headers?: Record<string, string>) => {
      const response = await platform.api('POST', '/api/v1/functions/orders/invocations?mode=async', order, headers);
      expect(response.status).toBe(202);
      return acceptedSchema.parse(await response.json());
    };
    const good = await submit({ id: 1, succeedsAt: 2 }, { 'idempotency-key': 'order-1' });
    const again = await submit({ id: 1, succeedsAt: 2 }, { 'idempotency-key': 'order-1' });
    expect(again.id).toBe(good.id);
    const bad = await submit({ id: 2, succeedsAt: 99 });
    await eventually(async () => {
      const detail = await detailOf(good.id);
      expect([detail.status, detail.attempts, detail.result]).toEqual(['success', 2, { done: 1, attempt: 2 }]);
    });
    await eventually(async () => {
      const detail = await detailOf(bad.id);
      expect([detail.status, detail.attempts, detail.error?.message]).toEqual(['dead-letter', 3, 'busy 3']);
    });
    await eventually(async () => {
      const response = await platform.api('GET', '/api/v1/dead-letters?function=orders');
      expect(deadLetterPageSchema.parse(await response.json()).items).toMatchObject([
        { invocationId: bad.id, reason: 'attempts-exhausted', payload: { id: 2, succeedsAt: 99 } },
      ]);
    });
    const redriven = await platform.api('POST', `/api/v1/dead-letters/${bad.id}/redrive`, {});
    expect(redriven.status).toBeLessThan(300);
  });

  it('versions are immutable, traffic moves with the alias, and a redeploy under load fails no call', async () => {
    await deploy('versioned', 'export const handler = () => ({ version: 1 });', { concurrency: 4 });
    let isLoading = true;
    const seen = new Map<string, number>();
    const loaders = Array.from({ length: 4 }, async () => {
      while (isLoading) {
        const response = await gateway('/versioned');
        const key = response.ok
          ? String(((await response.json()) as { version: number }).version)
          : `status ${response.status}`;
        seen.set(key, (seen.get(key) ?? 0) + 1);
      }
    });
    await eventually(() => expect(seen.get('1') ?? 0).toBeGreaterThan(20));
    const second = await platform.api('POST', '/api/v1/functions/versioned/versions', {
      files: { 'index.mjs': 'export const handler = () => ({ version: 2 });' },
      runtime: 'nodejs',
      message: 'second',
    });
    expect(second.status).toBe(201);
    await eventually(() => expect(seen.get('2') ?? 0).toBeGreaterThan(20));
    const back = await platform.api('PUT', '/api/v1/functions/versioned/aliases/live', { versions: [{ version: 1 }] });
    expect(back.status).toBe(200);
    const before = seen.get('1') ?? 0;
    await eventually(() => expect(seen.get('1') ?? 0).toBeGreaterThan(before + 20));
    isLoading = false;
    await Promise.all(loaders);
    expect([...seen.keys()].sort()).toEqual(['1', '2']);
    const pinned = await platform.api('POST', '/api/v1/functions/versioned/invocations?qualifier=2', {});
    expect(await pinned.json()).toEqual({ version: 2 });
    const versions = versionPageSchema.parse(
      await (await platform.api('GET', '/api/v1/functions/versioned/versions')).json(),
    );
    expect(versions.items.map((item) => [item.version, item.aliases])).toEqual([
      [2, []],
      [1, ['live']],
    ]);
  });

  it('matches routes with parameters and methods', async () => {
    await deploy(
      'routed',
      'export const handler = (event) => ({ id: event.pathParameters?.id ?? null, path: event.rawPath });',
      { routes: [{ path: '/things/:id', methods: ['GET'] }] },
    );
    expect(await (await gateway('/things/42')).json()).toMatchObject({ path: '/things/42' });
    const refused = await gateway('/things/42', { method: 'DELETE' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await gateway('/nothing-here')).status).toBe(404);
    expect((await gateway('/things/%2e%2e')).status).toBe(404);
  });

  it('attributes overlapping log lines to the right invocation', async () => {
    await deploy(
      'chatty',
      'export async function handler({ id }) { for (let i = 0; i < 5; i++) { console.log(`call ${id} line ${i}`); await new Promise((resolve) => setTimeout(resolve, 1 + (id % 3))); } return id; }',
      { concurrency: 10, maxInstances: 1 },
    );
    const calls = await Promise.all(
      Array.from({ length: 10 }, async (_, id) => {
        const response = await platform.api('POST', '/api/v1/functions/chatty/invocations', { id });
        expect(response.status).toBe(200);
        return { id, invocation: response.headers.get('hearth-invocation-id') ?? '' };
      }),
    );
    for (const { id, invocation } of calls) {
      await eventually(async () => {
        const detail = await detailOf(invocation);
        expect(detail.logs.map((line) => line.text)).toEqual(
          Array.from({ length: 5 }, (_, i) => `call ${id} line ${i}`),
        );
      });
    }
  });

  it('follows logs live and goes on after the last id', async () => {
    await deploy('talker', 'export const handler = ({ n }) => { console.warn(`n is ${n}`); };');
    const abort = new AbortController();
    const follow = async (lastId?: string) => {
      const response = await fetch(`${platform.url}/api/v1/functions/talker/logs?follow=1`, {
        headers: {
          authorization: `Bearer ${platform.token}`,
          accept: 'text/event-stream',
          ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
        },
        signal: abort.signal,
      });
      expect(response.headers.get('content-type')).toContain('text/event-stream');
      return readEvents(response.body as ReadableStream<Uint8Array>);
    };
    const events = await follow();
    await platform.api('POST', '/api/v1/functions/talker/invocations', { n: 1 });
    const nextLog = async (stream: AsyncGenerator<{ id: string | undefined; event: string; data: string }>) => {
      for (;;) {
        const { value, done } = await stream.next();
        if (done === true) throw new Error('the stream ended');
        if (value.event === 'log') return value;
      }
    };
    const first = await nextLog(events);
    expect(JSON.parse(first.data)).toMatchObject({ text: 'n is 1', level: 'warn' });
    await platform.api('POST', '/api/v1/functions/talker/invocations', { n: 2 });
    expect(JSON.parse((await nextLog(events)).data)).toMatchObject({ text: 'n is 2' });
    const resumed = await follow(first.id);
    expect(JSON.parse((await nextLog(resumed)).data)).toMatchObject({ text: 'n is 2' });
    abort.abort();
    const page = logPageSchema.parse(
      await (await platform.api('GET', '/api/v1/functions/talker/logs?search=n+is+2')).json(),
    );
    expect(page.items).toHaveLength(1);
    const counted = async (query: string) => {
      const response = await platform.api('GET', `/api/v1/functions/talker/logs/histogram?${query}`);
      const { steps, complete, end } = logHistogramSchema.parse(await response.json());
      return [steps.reduce((sum, { warn }) => sum + warn, 0), complete, end > (first.id ?? '')];
    };
    expect(await counted('')).toEqual([2, true, true]);
    expect(await counted('filter=level:error')).toEqual([0, true, true]);
    expect(await counted('filter=%22n+is+2%22')).toEqual([1, true, true]);
    expect((await platform.api('GET', '/api/v1/logs/histogram?filter=level:loud')).status).toBe(400);
  });

  it('counts every call in metrics, the live stream and Prometheus', async () => {
    await deploy('counted', 'export const handler = ({ fail }) => { if (fail) throw new Error("no"); return 1; };');
    for (let i = 0; i < 8; i++)
      await platform.api('POST', '/api/v1/functions/counted/invocations', { fail: i % 4 === 0 });
    await eventually(async () => {
      const metrics = metricsSchema.parse(await (await platform.api('GET', '/api/v1/metrics?function=counted')).json());
      expect([metrics.total?.invocations, metrics.total?.errors]).toEqual([8, 2]);
      expect(metrics.total?.totalMs?.p50).toBeGreaterThan(0);
    });
    // They are looked at once a second, and the platform may be younger than that.
    await eventually(async () => {
      const gauges = gaugeSeriesSchema.parse(
        await (await platform.api('GET', '/api/v1/metrics/gauges?stepMs=1000')).json(),
      );
      expect(gauges.points.length).toBeGreaterThan(0);
      const ofHost = gauges.points.at(-1)?.gauges;
      expect(ofHost?.cpus?.mean).toBeGreaterThan(0);
      expect(ofHost?.diskTotalBytes?.mean).toBeGreaterThanOrEqual(ofHost?.diskUsedBytes?.max ?? Number.NaN);
      expect(gauges.points.some((point) => (point.gauges.sandboxMemoryBytes?.max ?? 0) > 0)).toBe(true);
    });
    await eventually(async () => {
      const text = await (await platform.api('GET', '/metrics')).text();
      expect(text).toMatch(/hearth_invocations_total\{[^}]*function="counted"[^}]*\} \d/);
    });
    const abort = new AbortController();
    const stream = await fetch(`${platform.url}/api/v1/metrics/stream`, {
      headers: { authorization: `Bearer ${platform.token}` },
      signal: abort.signal,
    });
    for await (const event of readEvents(stream.body as ReadableStream<Uint8Array>)) {
      if (event.data === '' || event.event === 'message') continue;
      expect(liveTickSchema.parse(JSON.parse(event.data)).gauges.host.cpus).toBeGreaterThan(0);
      break;
    }
    abort.abort();
  });

  it('batches calls that wait, with one result or error each', async () => {
    await deploy(
      'batched',
      // One batch at a time: whatever comes while the first call runs waits for it, however slowly a busy machine sends them.
      'export const handleBatch = async (events) => { await new Promise((resolve) => setTimeout(resolve, 500)); return events.map((event) => event.n === 3 ? new Error("three") : { n: event.n, size: events.length }); };',
      {
        handler: 'index.handleBatch',
        maxInstances: 1,
        batch: { maxSize: 8, windowMs: 20 },
      },
    );
    const results = await Promise.all(
      Array.from({ length: 16 }, async (_, n) => {
        const response = await platform.api('POST', '/api/v1/functions/batched/invocations', { n });
        return { n, status: response.status, body: (await response.json()) as { n?: number; size?: number } };
      }),
    );
    for (const { n, status, body } of results) {
      if (n === 3) expect(status).toBe(502);
      else expect([status, body.n]).toEqual([200, n]);
    }
    const sizes = results.map(({ body }) => body.size ?? 0);
    expect(Math.max(...sizes)).toBeGreaterThan(1);
    await eventually(async () => {
      const response = await platform.api('GET', '/api/v1/metrics?function=batched');
      const { total } = metricsSchema.parse(await response.json());
      expect(total?.batches).toMatchObject({ invocations: 16 });
      expect(total?.batches?.count).toBeLessThan(16);
      const page = await (await platform.api('GET', '/metrics')).text();
      expect(page).toContain('hearth_batch_size_sum{function="batched",version="1"} 16');
      expect(page).toMatch(/hearth_batch_wait_seconds_count\{function="batched",version="1"\} \d/);
    });
  });

  it('fires schedules', async () => {
    await deploy('ticking', 'export const handler = (event) => event;', {
      schedules: [{ name: 'often', cron: '* * * * * *', payload: { tick: true } }],
    });
    await eventually(async () => {
      const page = invocationPageSchema.parse(
        await (
          await platform.api('GET', '/api/v1/invocations?function=ticking&trigger=schedule&status=success')
        ).json(),
      );
      expect(page.items.length).toBeGreaterThan(0);
    });
    await platform.api('PATCH', '/api/v1/functions/ticking', { schedules: [] });
  });

  it('says what the host can do', async () => {
    const system = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
    expect(system.drivers.find((driver) => driver.name === 'process')).toMatchObject({
      status: 'healthy',
      isDefault: true,
    });
    expect(system.runtimes.map((runtime) => [runtime.name, runtime.status])).toEqual([
      ['nodejs', 'available'],
      ['python', 'available'],
      ['custom', 'available'],
      ['image', 'available'],
    ]);
    const pools = poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
    expect(pools.pools.length).toBeGreaterThan(0);
    expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${platform.url}/readyz`)).status).toBe(200);
    const functions = functionPageSchema.parse(
      await (await platform.api('GET', '/api/v1/functions?stats=1&limit=200')).json(),
    );
    expect(functions.items.find((item) => item.name === 'greet')?.stats?.invocations).toBe(2);
  });

  it('refuses callers without a token and isolation that the host does not have', async () => {
    expect((await fetch(`${platform.url}/api/v1/functions`)).status).toBe(401);
    expect(
      (await fetch(`${platform.url}/api/v1/functions`, { headers: { authorization: 'Bearer wrong' } })).status,
    ).toBe(401);
    const unsandboxed = await platform.api('POST', '/api/v1/functions', {
      name: 'naked',
      files: { 'index.mjs': 'export const handler = () => 1;' },
      isolation: 'unsandboxed',
    });
    expect(unsandboxed.status).toBe(422);
    const bad = await platform.api('POST', '/api/v1/functions', { name: '../x', files: { 'index.mjs': '' } });
    expect(bad.status).toBe(400);
  });

  it('deletes a function with everything that leads to it', async () => {
    await deploy('gone', 'export const handler = () => 1;');
    expect((await gateway('/gone')).status).toBe(200);
    expect((await platform.api('DELETE', '/api/v1/functions/gone')).status).toBe(204);
    expect((await gateway('/gone')).status).toBe(404);
    expect((await platform.api('GET', '/api/v1/functions/gone')).status).toBe(404);
  });
});
