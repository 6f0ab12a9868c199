/**
 * `npm run demo [seconds]`: deploys every example to the platform that runs (HEARTH_URL, ./data/admin-token) and drives mixed load for
 * 30 s: HTTP, synchronous and asynchronous calls, failures, streams, so that the dashboard has something to show.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../cli/api-client.ts';
import { loadProfile } from '../cli/profile.ts';
import { runCli } from '../cli/program.ts';
import { systemSchema } from '../shared/api/system.ts';

const root = join(import.meta.dirname, '..');
const seconds = Number(process.argv[2] ?? 30);
const tokenFile = join(process.env['HEARTH_DATA_DIR'] ?? join(root, 'data'), 'admin-token');
const environment: Record<string, string | undefined> = { ...process.env };
if (environment['HEARTH_TOKEN'] === undefined && existsSync(tokenFile))
  environment['HEARTH_TOKEN'] = readFileSync(tokenFile, 'utf8').trim();

const client = new ApiClient(loadProfile(environment));
const gatewayUrl = await client.get('/api/v1/system', systemSchema).then(
  (system) => system.gatewayUrl,
  (error: unknown) => {
    console.error(`${error instanceof Error ? error.message : String(error)}\nStart the platform first: npm start`);
    process.exit(1);
  },
);

for (const example of (await readdir(join(root, 'examples'))).sort()) {
  const exitCode = await runCli({
    argv: ['deploy', join(root, 'examples', example)],
    environment,
    directory: root,
    streams: process,
    signal: new AbortController().signal,
    version: 'demo',
  });
  if (exitCode !== 0) console.error(`example ${example} is not part of this demo`);
}

interface Load {
  readonly name: string;
  readonly everyMs: number;
  readonly call: (round: number) => Promise<Response>;
}

const post = async (path: string, body: string, type = 'application/json'): Promise<Response> =>
  await fetch(`${gatewayUrl}${path}`, { method: 'POST', body, headers: { 'content-type': type } });
const submit = async (name: string, event: unknown): Promise<Response> =>
  await client.request(`/api/v1/functions/${name}/invocations`, {
    method: 'POST',
    json: event,
    query: { mode: 'async' },
  });
const csv = `city,day,sales\n${Array.from({ length: 20_000 }, (_, i) => `${['Berlin', 'Oslo', 'Lima'][i % 3]},${i % 365},${(i * 7) % 1000}`).join('\n')}\n`;
const fruits = ['apple', 'pear', 'plum', 'durian'];

const loads: readonly Load[] = [
  { name: 'hello', everyMs: 20, call: async (round) => await fetch(`${gatewayUrl}/hello?name=visitor-${round}`) },
  { name: 'hello-python', everyMs: 60, call: async () => await fetch(`${gatewayUrl}/hello-python`) },
  { name: 'todo-api (read)', everyMs: 40, call: async () => await fetch(`${gatewayUrl}/todo`) },
  {
    name: 'todo-api (write)',
    everyMs: 250,
    call: async (round) =>
      await post('/todo', JSON.stringify(round % 5 === 0 ? { title: 5 } : { title: `task ${round}` })),
  },
  {
    name: 'markdown',
    everyMs: 100,
    call: async (round) =>
      await post('/markdown', `# Round ${round}\n\n*Hello* **world**\n\n- a\n- b\n`, 'text/markdown'),
  },
  {
    name: 'notes',
    everyMs: 200,
    call: async (round) =>
      round % 3 === 0
        ? await post('/notes', JSON.stringify({ text: `note ${round}` }))
        : await fetch(`${gatewayUrl}/notes`),
  },
  { name: 'csv-stats', everyMs: 1500, call: async () => await post('/csv-stats?by=city', csv, 'text/csv') },
  {
    name: 'prices',
    everyMs: 15,
    call: async (round) => await fetch(`${gatewayUrl}/prices?fruit=${fruits[round % 40 === 0 ? 3 : round % 3]}`),
  },
  { name: 'countdown', everyMs: 2000, call: async () => await fetch(`${gatewayUrl}/countdown?from=8`) },
  { name: 'order-processor', everyMs: 150, call: async (round) => await submit('order-processor', order(round)) },
];

/** Most orders work at once; some find the provider busy, a few are bad and end as dead letters. */
function order(round: number): object {
  const items = round % 25 === 0 ? [] : [{ sku: `sku-${round % 7}`, quantity: 1 + (round % 3), priceCents: 990 }];
  return { id: `order-${round}`, items, busyAttempts: round % 6 === 0 ? 2 : 0 };
}

const counts = new Map<string, { calls: number; failures: number }>();
const until = performance.now() + seconds * 1000;
console.error(`\nDriving load for ${seconds} s; watch it at ${client.url}`);

async function drive(load: Load): Promise<void> {
  const count = { calls: 0, failures: 0 };
  counts.set(load.name, count);
  const running = new Set<Promise<void>>();
  for (let round = 1; performance.now() < until; round++) {
    const one = load
      .call(round)
      .then(async (response) => {
        await response.arrayBuffer();
        count.calls++;
        if (response.status >= 500) count.failures++;
      })
      .catch(() => {
        count.calls++;
        count.failures++;
      })
      .finally(() => running.delete(one));
    running.add(one);
    if (running.size >= 20) await Promise.race(running);
    await sleep(load.everyMs);
  }
  await Promise.all(running);
}

await Promise.all(loads.map(drive));
for (const [name, count] of counts)
  console.log(
    `${name.padEnd(18)} ${String(count.calls).padStart(6)} calls  ${String(count.failures).padStart(4)} failed`,
  );
