import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invocationDetailSchema, invocationPageSchema, logPageSchema } from '../../shared/api/invocations.ts';
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

/** Lambda's interface: so many loops that take one call after the other. One that hangs stays with its loop, which is told nothing. */
function bootstrapOf(loops: number): string {
  return `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
take_turns() {
  while :; do
    curl -sf -D /tmp/head$1 -o /tmp/event$1 "$api/next" || exit 9
    id=$(sed -n 's/^lambda-runtime-aws-request-id: *\\([^[:space:]]*\\).*/\\1/p' /tmp/head$1)
    n=$(jq .n /tmp/event$1)
    echo "takes $n"
    case "$(jq -r '.op // ""' /tmp/event$1)" in
    throw) curl -s -d "{\\"errorType\\":\\"Bad\\",\\"errorMessage\\":\\"bad $n\\"}" "$api/$id/error" >/dev/null ;;
    hang) sleep 600 ;;
    *) curl -s -d "{\\"n\\":$n}" "$api/$id/response" >/dev/null ;;
    esac
  done
}
for loop in $(seq ${loops}); do take_turns $loop & done
wait
`;
}

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
const sideBySide = {
  nodejs: {
    'index.mjs': `
import { setTimeout as sleep } from 'node:timers/promises';
export async function handler({ n, op }, { signal }) {
  if (op === 'hang') await sleep(600_000, undefined, { signal });
  return { n };
}`,
  },
  python: {
    'main.py': `
import asyncio
async def handler(event, context):
    if event.get("op") == "hang": await asyncio.sleep(600)
    return {"n": event["n"]}
`,
  },
  custom: { bootstrap: bootstrapOf(3) },
};
const pythonSource = `
def handle_batch(events, context):
    return [ValueError(f"bad {e['n']}") if e.get('op') == 'throw' else {'n': e['n'], 'size': len(events)} for e in events]
`;
const runtimes = {
  nodejs: { 'index.mjs': nodeSource },
  python: { 'main.py': pythonSource },
  custom: { bootstrap: bootstrapOf(1) },
} as const;
type Runtime = keyof typeof runtimes;

/** Time for calls that hang until they are cancelled. */
const endlessMs = 600_000;

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

/** Submits one after the other; none is due before the last is on disk, also on a busy machine. */
async function submit(name: string, events: readonly Event[]): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const event of events) ids.push(await submitOne(name, event, 4000));
  return ids;
}

/** Submits at the same time, in any order. */
const together = (name: string, events: readonly Event[]): Promise<readonly string[]> =>
  Promise.all(events.map((event) => submitOne(name, event)));

async function submitOne(name: string, event: Event, delayMs = 1000): Promise<string> {
  const path = `/api/v1/functions/${name}/invocations?mode=async&delayMs=${delayMs}`;
  const response = await platform.api('POST', path, event);
  expect(response.status, await response.clone().text()).toBe(202);
  return ((await response.json()) as { id: string }).id;
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

/** Asks for the end of a call that runs, and waits until it is cancelled. */
async function cancel(id: string): Promise<void> {
  await eventually(async () => {
    const response = await platform.api('DELETE', `/api/v1/invocations/${id}`);
    expect(response.ok, await response.clone().text()).toBe(true);
    expect((await ended(id)).status).toBe('cancelled');
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
    const ids = await together(name, five);
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

  describe.each<[Runtime, { readonly timeoutMs: number; readonly [setting: string]: unknown }, string | undefined]>([
    // The others must have their answers by then, for which a shell starts many programs.
    ['nodejs', { timeoutMs: 3000 }, undefined],
    ['python', { timeoutMs: 3000, handler: 'main.handler' }, undefined],
    ['custom', { timeoutMs: 6000, concurrency: 3 }, needsTools],
  ])('%s: calls that run side by side', (runtime, { timeoutMs, ...config }, missing) => {
    const files = sideBySide[runtime];

    it.skipIf(missing !== undefined)(
      `one that hangs misses its deadline alone, with the time limit that it has in the instance${skippedFor(missing)}`,
      async () => {
        const name = `deadlines-${runtime}`;
        await deploy(name, runtime, { files, timeoutMs, ...config });
        const ids = await together(name, [{ n: 0 }, { n: 1, op: 'hang' }, { n: 2 }]);
        const details = await Promise.all(ids.map(ended));
        expect(details.map(({ error }) => error?.type)).toEqual([undefined, 'timeout', undefined]);
        expect(details[1]?.timing?.handlerMs).toBeGreaterThan(timeoutMs - 100);
      },
    );

    it.skipIf(missing !== undefined)(`one that is cancelled ends alone${skippedFor(missing)}`, async () => {
      const name = `cancelling-${runtime}`;
      await deploy(name, runtime, { files, ...config, timeoutMs: endlessMs });
      const ids = await together(name, [{ n: 0, op: 'hang' }, { n: 1 }, { n: 2, op: 'hang' }]);
      const [first = '', second = '', third = ''] = ids;
      await eventually(async () => expect((await detailOf(third)).status).toBe('running'));
      await cancel(first);
      expect((await detailOf(third)).status).toBe('running');
      await cancel(third);
      expect((await ended(second)).status).toBe('success');
    });
  });

  it.skipIf(needsTools !== undefined)(
    `custom: one that is cancelled before bootstrap took it is never given to it${skippedFor(needsTools)}`,
    async () => {
      // What hangs keeps its place until then, also when it is cancelled.
      await deploy('waiting', 'custom', { timeoutMs: 20_000 });
      const [first = '', second = '', third = ''] = await submit('waiting', [{ n: 0 }, { n: 1, op: 'hang' }, { n: 2 }]);
      expect((await ended(first)).status).toBe('success');
      await eventually(async () => expect((await detailOf(third)).status).toBe('running'));
      await cancel(third);
      expect((await detailOf(second)).status).toBe('running');
      await cancel(second);
      // Whatever was printed before the answer to a later call is stored once its own line is.
      const last = await submitOne('waiting', { n: 3 });
      expect((await ended(last)).status).toBe('success');
      const texts = await eventually(async () => {
        const page = await platform.api('GET', '/api/v1/functions/waiting/logs');
        const found = logPageSchema.parse(await page.json()).items.map(({ text }) => text);
        expect(found).toContain('takes 3');
        // The platform adds a line of its own when it ends the instance with what hangs.
        return found.filter((text) => text.startsWith('takes'));
      });
      expect(texts.toSorted()).toEqual(['takes 0', 'takes 1', 'takes 3']);
    },
  );
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
