import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invocationDetailSchema, invocationPageSchema } from '../../shared/api/invocations.ts';
import { metricsSchema } from '../../shared/api/metrics.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

let platform: Platform;
beforeAll(async () => {
  // Every function starts cold: what is due while it starts travels together.
  platform = await startPlatform({ environment: { HEARTH_PREWARM: '0' } });
});
afterAll(async () => await platform.dispose());

const needsTools = ['curl', 'jq'].every((program) => spawnSync(program, ['--version']).status === 0)
  ? undefined
  : 'curl and jq are not installed';

/** Says of each call how many travelled with it; what an event asks for happens to that one alone. */
const nodeSource = `
import { setTimeout as sleep } from 'node:timers/promises';
export async function handleBatch(events) {
  return await Promise.all(events.map(async ({ n, op }) => {
    if (op === 'throw') return new Error('bad ' + n);
    await sleep(50);
    return { n, size: events.length };
  }));
}`;
/** The same without a function for batches: calls that travel together run side by side. */
const sideBySide = `
import { setTimeout as sleep } from 'node:timers/promises';
export async function handler({ n, op }, { signal }) {
  if (op === 'hang') await sleep(60_000, undefined, { signal });
  return { n };
}`;
const pythonSource = `
def handle_batch(events, context):
    return [ValueError(f"bad {e['n']}") if e.get('op') == 'throw' else {'n': e['n'], 'size': len(events)} for e in events]
`;
/** One call after the other, as Lambda's interface has it. */
const customSource = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  curl -sf -D /tmp/head -o /tmp/event "$api/next" || exit 9
  id=$(sed -n 's/^lambda-runtime-aws-request-id: *\\([^[:space:]]*\\).*/\\1/p' /tmp/head)
  n=$(jq .n /tmp/event)
  case "$(jq -r '.op // ""' /tmp/event)" in
  throw) curl -s -d "{\\"errorType\\":\\"Bad\\",\\"errorMessage\\":\\"bad $n\\"}" "$api/$id/error" >/dev/null ;;
  *) curl -s -d "{\\"n\\":$n}" "$api/$id/response" >/dev/null ;;
  esac
done
`;

const runtimes = {
  nodejs: { 'index.mjs': nodeSource },
  python: { 'main.py': pythonSource },
  custom: { bootstrap: customSource },
} as const;
type Runtime = keyof typeof runtimes;

interface Event {
  readonly n: number;
  readonly op?: 'throw' | 'hang';
}

async function deploy(name: string, runtime: Runtime, config: object = {}): Promise<void> {
  const handler = runtime === 'python' ? { handler: 'main.handle_batch' } : {};
  const response = await platform.api('POST', '/api/v1/functions', {
    ...{ name, runtime, files: runtimes[runtime], maxInstances: 1, batch: { maxSize: 16, windowMs: 100 }, ...handler },
    retry: { maxAttempts: 1, maxAgeMs: 60_000, minBackoffMs: 100, maxBackoffMs: 100 },
    ...config,
  });
  expect(response.status, await response.clone().text()).toBe(201);
}

/** Submits them so that all are due when the last is on disk. */
async function submit(name: string, events: readonly Event[]): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const event of events) {
    const path = `/api/v1/functions/${name}/invocations?mode=async&delayMs=1000`;
    const response = await platform.api('POST', path, event);
    expect(response.status, await response.clone().text()).toBe(202);
    ids.push(((await response.json()) as { id: string }).id);
  }
  return ids;
}

async function detailOf(id: string) {
  return invocationDetailSchema.parse(await (await platform.api('GET', `/api/v1/invocations/${id}`)).json());
}

async function ended(id: string) {
  return await eventually(async () => {
    const detail = await detailOf(id);
    expect(['queued', 'running']).not.toContain(detail.status);
    return detail;
  });
}

/** How often calls of the function went to an instance, and how many these were. */
async function batchesOf(name: string) {
  return await eventually(async () => {
    const page = await (await platform.api('GET', `/api/v1/metrics?function=${name}`)).json();
    const { total } = metricsSchema.parse(page);
    if (total?.batches === undefined || total.batches === null) throw new Error('no batch was counted');
    return total.batches;
  });
}

const five: readonly Event[] = [{ n: 0 }, { n: 1 }, { n: 2, op: 'throw' }, { n: 3 }, { n: 4 }];

describe('batches of asynchronous calls', () => {
  it.for<[Runtime, string | undefined]>([
    ['nodejs', undefined],
    ['python', undefined],
    ['custom', needsTools],
  ])('%s: travel together, and each has a result or an error of its own', async ([runtime, missing], context) => {
    context.skip(missing !== undefined, missing);
    const name = `async-${runtime}`;
    await deploy(name, runtime);
    const ids = await submit(name, five);
    const details = await Promise.all(ids.map(ended));
    expect(details.map(({ status }) => status)).toEqual(
      five.map(({ op }) => (op === 'throw' ? 'dead-letter' : 'success')),
    );
    expect(details[2]?.error?.message).toBe('bad 2');
    const results = details.flatMap(({ result, status }) => (status === 'success' ? [result as Event] : []));
    expect(results.map(({ n }) => n)).toEqual([0, 1, 3, 4]);
    const { count, invocations } = await batchesOf(name);
    expect(invocations).toBe(5);
    expect(count).toBeLessThan(5);
  });

  it('one that hangs misses its deadline alone, with the time limit that it has in the instance', async () => {
    await deploy('deadlines', 'nodejs', { files: { 'index.mjs': sideBySide }, timeoutMs: 1500 });
    const ids = await submit('deadlines', [{ n: 0 }, { n: 1, op: 'hang' }, { n: 2 }]);
    const details = await Promise.all(ids.map(ended));
    expect(details.map(({ error }) => error?.type)).toEqual([undefined, 'timeout', undefined]);
    expect(details[1]?.timing?.handlerMs).toBeGreaterThan(1400);
  });

  it('one that is cancelled ends alone', async () => {
    await deploy('cancelling', 'nodejs', { files: { 'index.mjs': sideBySide } });
    const ids = await submit('cancelling', [{ n: 0, op: 'hang' }, { n: 1 }, { n: 2, op: 'hang' }]);
    const [first = '', second = '', third = ''] = ids;
    await eventually(async () => expect((await detailOf(third)).status).toBe('running'));
    await eventually(async () => {
      const response = await platform.api('DELETE', `/api/v1/invocations/${first}`);
      expect(response.ok, await response.clone().text()).toBe(true);
      expect((await ended(first)).status).toBe('cancelled');
    });
    expect((await detailOf(third)).status).toBe('running');
    expect((await platform.api('DELETE', `/api/v1/invocations/${third}`)).ok).toBe(true);
    expect((await ended(third)).status).toBe('cancelled');
    expect((await ended(second)).status).toBe('success');
  });
});

describe('batches of scheduled calls', () => {
  it('schedules that fire at the same tick travel together', async () => {
    const often = (n: number) => ({ name: `often-${n}`, cron: '* * * * * *', payload: { n } });
    await deploy('ticking', 'nodejs', { schedules: [0, 1, 2, 3].map(often) });
    const together = await eventually(async () => {
      const list = await platform.api('GET', '/api/v1/invocations?function=ticking&trigger=schedule&status=success');
      const { items } = invocationPageSchema.parse(await list.json());
      const details = await Promise.all(items.map(({ id }) => detailOf(id)));
      const found = details.map(({ result }) => result as { n: number; size: number }).filter(({ size }) => size > 1);
      expect(found.length).toBeGreaterThan(0);
      return found;
    });
    await platform.api('PATCH', '/api/v1/functions/ticking', { schedules: [] });
    expect(together.every(({ size }) => size <= 4)).toBe(true);
  });
});

describe('batches of HTTP calls', () => {
  it.skipIf(needsTools !== undefined)(
    `custom: each caller has an answer of its own${skippedFor(needsTools)}`,
    async () => {
      await deploy('http-custom', 'custom');
      const answers = await Promise.all(
        Array.from({ length: 8 }, async (_, n) => {
          const response = await platform.api('POST', '/api/v1/functions/http-custom/invocations', {
            n,
            ...(n === 5 ? { op: 'throw' } : {}),
          });
          return response.status === 200 ? ((await response.json()) as Event).n : response.status;
        }),
      );
      expect(answers).toEqual([0, 1, 2, 3, 4, 502, 6, 7]);
      expect((await batchesOf('http-custom')).count).toBeLessThan(8);
    },
  );
});
