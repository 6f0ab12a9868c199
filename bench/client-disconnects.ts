import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Platform, startPlatform } from '../tests/support/platform.ts';
import { deploy } from './support/functions.ts';
import { median, percentile, type Row, row } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const disconnects = 100;
const goalMs = 100;
/** How often is asked whether a call began, and whether its signal fired; nothing that is measured depends on it. */
const pollMs = 5;
const patienceMs = 10_000;

/**
 * A call waits for its signal and remembers when that fired; calls with `began` or `cancelled` ask about another one in the same instance. Both
 * sides read the clock of one machine.
 */
const functions = {
  'Node.js': {
    runtime: 'nodejs',
    handler: 'index.handler',
    files: {
      'index.mjs': `const began = new Set(), cancelled = new Map();
export async function handler(event, context) {
  const { call, ...ask } = event.queryStringParameters;
  if (ask.began) return began.has(ask.began);
  if (ask.cancelled) return cancelled.get(ask.cancelled) ?? null;
  began.add(call);
  await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
  cancelled.set(call, Date.now());
}`,
    },
  },
  Python: {
    runtime: 'python',
    handler: 'main.handler',
    files: {
      'main.py': `import time
began, cancelled = set(), {}
def handler(event, context):
    ask = event["queryStringParameters"]
    if "began" in ask: return ask["began"] in began
    if "cancelled" in ask: return cancelled.get(ask["cancelled"])
    began.add(ask["call"])
    context.cancelled.wait()
    cancelled[ask["call"]] = time.time() * 1000
`,
    },
  },
} as const;

/** How long after a client has gone the handler's own signal says so: from closing the connection to the listener inside. */
export async function clientDisconnects(): Promise<readonly Row[]> {
  const platform = await startPlatform();
  try {
    const rows: Row[] = [];
    for (const [language, source] of Object.entries(functions)) {
      const name = `waits-${source.runtime}`;
      await deploy(platform, name, '', { ...source, concurrency: 8, maxInstances: 1, timeoutMs: 60_000 });
      const took: number[] = [];
      for (let call = 0; call < disconnects + 2; call++) {
        if (call % 20 === 0) progress(`${language}, call ${call} of ${disconnects + 2}`);
        const tookMs = await disconnect(platform, name, `c${call}`);
        // The first two warm up the platform's own code.
        if (call >= 2) took.push(tookMs);
      }
      const worst = percentile(took, 99);
      rows.push(
        row(
          `${disconnects} clients that leave, until the handler's signal fires, ${language}`,
          `median ${median(took).toFixed(1)} ms, p99 ${worst.toFixed(1)} ms`,
          `p99 <= ${goalMs} ms`,
          worst <= goalMs,
          took,
        ),
      );
    }
    return rows;
  } finally {
    await platform.dispose();
  }
}

async function disconnect(platform: Platform, name: string, call: string): Promise<number> {
  const url = `${platform.gatewayUrl}/${name}`;
  const ask = async (question: 'began' | 'cancelled'): Promise<unknown> =>
    await (await fetch(`${url}?${question}=${call}`)).json();
  const request = get(`${url}?call=${call}`, { agent: false });
  // It is cut off, which is what is wanted.
  request.on('error', () => undefined);
  await answered(async () => (await ask('began')) === true);
  const leftMs = Date.now();
  request.destroy();
  let firedMs: unknown;
  await answered(async () => {
    firedMs = await ask('cancelled');
    return typeof firedMs === 'number';
  });
  return Number(firedMs) - leftMs;
}

async function answered(isSo: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > until) throw new Error('a client that left was not noticed');
    await sleep(pollMs);
  }
}
