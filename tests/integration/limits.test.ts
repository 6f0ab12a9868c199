import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invocationDetailSchema } from '../../shared/api/invocations.ts';
import { metricsSchema } from '../../shared/api/metrics.ts';
import { poolsSchema } from '../../shared/api/system.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
  await deploy('neighbour', 'export const handler = () => "fine";');
});
afterAll(async () => await platform.dispose());

async function deploy(name: string, source: string, config: object = {}): Promise<void> {
  const response = await platform.api('POST', '/api/v1/functions', {
    name,
    files: { 'index.mjs': source },
    runtime: 'nodejs',
    ...config,
  });
  expect(response.status, await response.clone().text()).toBe(201);
}
async function call(name: string, event: unknown = {}) {
  const response = await platform.api('POST', `/api/v1/functions/${name}/invocations`, event);
  const text = await response.text();
  return {
    status: response.status,
    id: response.headers.get('hearth-invocation-id') ?? '',
    body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : { text },
  };
}
/** Once an instance is there, which on a busy machine takes longer than the time-outs here. */
async function expectCalm(name: string): Promise<void> {
  await eventually(async () => expect((await call(name, { calm: true })).status).toBe(200));
}
/** The function works again, in a fresh sandbox, and others never noticed. */
async function expectRecovered(name: string): Promise<void> {
  await expectCalm(name);
  expect((await call('neighbour')).status).toBe(200);
}

const calm = 'if (event?.calm) return "calm";';

describe('limits, each tripped by a hostile function', () => {
  it('timeout: a handler that waits for ever', async () => {
    await deploy('waits', `export async function handler(event) { ${calm} await new Promise(() => {}); }`, {
      timeoutMs: 300,
    });
    await expectCalm('waits');
    expect(await call('waits')).toMatchObject({ status: 504, body: { code: 'function_timeout' } });
    await expectRecovered('waits');
  });

  it('timeout: a synchronous infinite loop dies the same way', async () => {
    await deploy('loops', `export function handler(event) { ${calm} for (;;); }`, { timeoutMs: 300 });
    await expectCalm('loops');
    expect(await call('loops')).toMatchObject({ status: 504, body: { code: 'function_timeout' } });
    await expectRecovered('loops');
  });

  it('timeout: the AbortSignal fires first', async () => {
    await deploy(
      'polite',
      `export async function handler(event, context) { ${calm} await new Promise((resolve) => context.signal.addEventListener("abort", () => { console.log("stopping"); resolve(); })); return 1; }`,
      { timeoutMs: 200 },
    );
    await expectCalm('polite');
    const { status, id } = await call('polite');
    expect(status).toBe(504);
    await eventually(async () => {
      const detail = invocationDetailSchema.parse(
        await (await platform.api('GET', `/api/v1/invocations/${id}`)).json(),
      );
      expect(detail.logs.map((line) => line.text)).toContain('stopping');
    });
  });

  it.each([
    ['buffers', 'const kept = []; for (;;) kept.push(Buffer.alloc(4_000_000, 1));'],
    ['heap', 'const kept = []; for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));'],
  ])('memory: %s over the limit are named out of memory', async (what, bomb) => {
    await deploy(`memory-${what}`, `export function handler(event) { ${calm} ${bomb} }`, {
      memoryMb: 96,
      timeoutMs: 20_000,
    });
    const result = await call(`memory-${what}`);
    expect(result).toMatchObject({ status: 502, body: { code: 'out_of_memory' } });
    expect(JSON.stringify(result.body)).toContain('96');
    await expectRecovered(`memory-${what}`);
  });

  it('memory: a busy function that keeps nothing stays far below the limit', async () => {
    await deploy('busy', 'export function handler(event) { return JSON.parse(event.body); }', {
      concurrency: 32,
      maxInstances: 1,
    });
    const body = JSON.stringify({ text: 'x'.repeat(1000) });
    for (let round = 0; round < 250; round++) {
      const answers = await Promise.all(
        Array.from({ length: 32 }, async () => await fetch(`${platform.gatewayUrl}/busy`, { method: 'POST', body })),
      );
      for (const answer of answers) {
        expect(answer.status).toBe(200);
        await answer.arrayBuffer();
      }
    }
    const pools = poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
    const [instance] = pools.pools.find((pool) => pool.functionName === 'busy')?.instances ?? [];
    expect(instance?.invocations).toBe(8000);
    expect(instance?.peakMemoryBytes).toBeLessThan(100 * 1_048_576);
  });

  it('pids: a fork bomb meets the limit', async () => {
    await deploy(
      'forks',
      `import { spawn } from 'node:child_process';
export async function handler(event) { ${calm}
  const failures = [];
  await Promise.all(Array.from({ length: 100 }, () => new Promise((resolve) => {
    const child = spawn('/usr/bin/node', ['-e', 'setTimeout(() => {}, 5000)'], { stdio: 'ignore' });
    child.on('error', (error) => { failures.push(error.code); resolve(); });
    child.on('spawn', resolve);
  })));
  return { failures: failures.length, codes: [...new Set(failures)] };
}`,
      { maxPids: 32, memoryMb: 512, timeoutMs: 8000 },
    );
    const result = await call('forks');
    // Threads count too; whatever the number, the limit was met and nothing else happened.
    if (result.status === 200) expect(result.body['failures']).toBeGreaterThan(60);
    else expect([502, 504]).toContain(result.status);
    expect((await call('neighbour')).status).toBe(200);
  });

  it('tmp: a full /tmp is ENOSPC, and the function goes on', async () => {
    await deploy(
      'fills',
      `import { writeFileSync } from 'node:fs';
export function handler(event) { ${calm} try { for (let i = 0; ; i++) writeFileSync('/tmp/' + i, Buffer.alloc(1_000_000)); } catch (error) { return { code: error.code }; } }`,
      { tmpMb: 8 },
    );
    expect(await call('fills')).toMatchObject({ status: 200, body: { code: 'ENOSPC' } });
  });

  it('bodies: a request over the limit is refused, a response over the limit is a fault', async () => {
    await deploy('small', `export function handler(event) { ${calm} return "x".repeat(event.size ?? 0); }`, {
      maxRequestBytes: 1000,
      maxResponseBytes: 5000,
    });
    expect((await fetch(`${platform.gatewayUrl}/small`, { method: 'POST', body: 'x'.repeat(1001) })).status).toBe(413);
    expect(await call('small', { size: 10_000 })).toMatchObject({ status: 502, body: { code: 'response_too_large' } });
    await expectRecovered('small');
    await eventually(async () => {
      const { total } = metricsSchema.parse(await (await platform.api('GET', '/api/v1/metrics?function=small')).json());
      expect(total).toMatchObject({ refusals: 1, throttles: 0 });
      const page = await (await platform.api('GET', '/metrics')).text();
      expect(page).toContain('hearth_refused_calls_total{function="small",reason="payload_too_large"} 1\n');
    });
  });

  it('log volume: kept up to the limit with a marker, and the platform stays small', async () => {
    await deploy(
      'prints',
      'export function handler() { for (let i = 0; i < 50_000; i++) console.log("x".repeat(100)); return 1; }',
      { timeoutMs: 20_000 },
    );
    const { status, id } = await call('prints');
    expect(status).toBe(200);
    await eventually(async () => {
      const response = await platform.api('GET', `/api/v1/functions/prints/logs?invocation=${id}&limit=200`);
      const { items } = (await response.json()) as { items: { text: string }[] };
      expect(items.length).toBeGreaterThan(100);
      expect(items.at(-1)?.text).toMatch(/limit|truncated|dropped/i);
    });
  });

  it('network: there is none', async () => {
    await deploy(
      'calls-out',
      `import { connect } from 'node:net';
export async function handler({ port }) { return { code: await new Promise((resolve) => connect(port, '127.0.0.1', () => resolve('connected')).on('error', (error) => resolve(error.code))) }; }`,
    );
    expect(await call('calls-out', { port: Number(new URL(platform.url).port) })).toMatchObject({
      status: 200,
      body: { code: 'ECONNREFUSED' },
    });
  });

  it.each([
    ['process.exit', 'process.exit(7)', 'function_exited'],
    ['a kill of itself', 'process.kill(process.pid, "SIGKILL"); await new Promise(() => {})', 'function_exited'],
    ['an unhandled rejection', 'Promise.reject(new Error("late")); await new Promise(() => {})', 'function_error'],
  ])('%s ends that call at once, not at the timeout', async (what, code, expected) => {
    const name = `ends-${what.replace(/[^a-z]+/g, '-')}`;
    await deploy(name, `export async function handler(event) { ${calm} ${code}; }`, { timeoutMs: 60_000 });
    expect(await call(name)).toMatchObject({ status: 502, body: { code: expected } });
    await expectRecovered(name);
  });

  it('a bundle that cannot start says why, and does not burn the processor', async () => {
    const response = await platform.api('POST', '/api/v1/functions', {
      name: 'fails-init',
      files: { 'index.mjs': 'throw new TypeError("no database"); export const handler = () => 1;' },
      runtime: 'nodejs',
    });
    expect(response.status).toBe(201);
    const result = await call('fails-init');
    expect(result.status).toBe(502);
    expect(JSON.stringify(result.body)).toContain('no database');
    for (let i = 0; i < 6; i++) await call('fails-init');
    const open = await call('fails-init');
    expect(open.status).toBe(503);
  });

  it('one function cannot read what another left', async () => {
    await deploy(
      'writer',
      'import { writeFileSync } from "node:fs"; export function handler() { writeFileSync("/tmp/secret", "s3cret"); globalThis.leak = "s3cret"; return 1; }',
    );
    await deploy(
      'reader',
      'import { existsSync, readdirSync } from "node:fs"; export function handler() { return { tmp: readdirSync("/tmp"), leak: globalThis.leak ?? null, app: readdirSync("/app"), shadow: existsSync("/etc/shadow") }; }',
    );
    await call('writer');
    expect((await call('reader')).body).toEqual({ tmp: [], leak: null, app: ['index.mjs'], shadow: false });
  });
});
