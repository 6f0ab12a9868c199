import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { frames, RawAgent } from '../support/raw-agent.ts';

const guests = join(import.meta.dirname, '../../dist/guest');
const runtimes = {
  'Node.js': {
    argv: [process.execPath, join(guests, 'nodejs/agent.cjs')],
    handler: 'index.handler',
    files: {
      'index.mjs': `let ran = 0;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
        export const handler = (event) => [event, ++ran];`,
    },
  },
  'Node.js, awaiting at the top': {
    argv: [process.execPath, join(guests, 'nodejs/agent.cjs')],
    handler: 'index.handler',
    files: {
      'index.mjs': `let ran = 0;
        await new Promise((done) => setTimeout(done, 50));
        export const handler = (event) => [event, ++ran];`,
    },
  },
  'Node.js, batches alone': {
    argv: [process.execPath, join(guests, 'nodejs/agent.cjs')],
    handler: 'index.handleBatch',
    files: {
      'index.mjs': 'let ran = 0; export const handleBatch = (events) => events.map((event) => [event, ++ran]);',
    },
  },
  Python: {
    argv: ['/usr/bin/python3', '-I', join(guests, 'python/agent.py')],
    handler: 'main.handler',
    files: {
      'main.py': `import time
ran = 0
time.sleep(0.05)
def handler(event, context):
    global ran
    ran += 1
    return [event, ran]`,
    },
  },
  'Python, asynchronous': {
    argv: ['/usr/bin/python3', '-I', join(guests, 'python/agent.py')],
    handler: 'main.handler',
    files: {
      'main.py': `import time
ran = 0
time.sleep(0.05)
async def handler(event, context):
    global ran
    ran += 1
    return [event, ran]`,
    },
  },
} as const;

let directory: string;
let agent: RawAgent | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-ahead-'));
});
afterEach(async () => {
  await agent?.kill();
  rmSync(directory, { recursive: true, force: true });
});

function started(runtime: keyof typeof runtimes, files: Readonly<Record<string, string>> = runtimes[runtime].files) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  agent = new RawAgent({ argv: runtimes[runtime].argv });
  return agent;
}

/** INIT has been sent; gives what waits for its answer. The agent says in HELLO that it keeps calls. */
async function loading(raw: RawAgent, runtime: keyof typeof runtimes) {
  const hello = await raw.next((frame) => frame.type === frames.hello);
  expect(JSON.parse(hello.payload.toString())).toMatchObject({ holdsCalls: true });
  raw.received.push(hello);
  const answer = raw.init(directory, runtimes[runtime].handler);
  await new Promise((resolve) => setImmediate(resolve));
  return () => answer;
}

describe.each(Object.keys(runtimes) as (keyof typeof runtimes)[])('%s', (runtime) => {
  it('keeps calls that come behind INIT until it is ready, and does not begin one that is cancelled', async () => {
    const raw = started(runtime);
    const ready = await loading(raw, runtime);
    const unwanted = raw.invoke('unwanted');
    const wanted = raw.invoke('wanted');
    raw.send(frames.cancel, unwanted, JSON.stringify({ reason: 'disconnected' }));
    expect((await ready()).type).toBe(frames.ready);
    expect(await raw.result(wanted)).toEqual(['wanted', 1]);
    await raw.error(unwanted);
    expect(await raw.result(raw.invoke('next'))).toEqual(['next', 2]);
  });

  it('says why its version does not load, and nothing of a call behind INIT', async () => {
    const raw = started(runtime, { 'index.mjs': 'throw new Error("broken")', 'main.py': 'raise Exception("broken")' });
    const failed = await loading(raw, runtime);
    const call = raw.invoke('early');
    const { type, payload } = await failed();
    expect([type, JSON.parse(payload.toString())]).toEqual([
      frames.error,
      expect.objectContaining({ message: 'broken' }),
    ]);
    await raw.exited;
    expect(raw.received.filter((frame) => frame.id === call)).toEqual([]);
  });
});

it.each(['Node.js', 'Python'] as const)(
  '%s: DRAIN ends an agent that waits for a version, and lets a call behind INIT be finished',
  async (runtime) => {
    const waiting = started(runtime);
    await waiting.next((frame) => frame.type === frames.hello);
    waiting.send(frames.drain, 0);
    expect(await waiting.exited).toBe(0);
    const loads = started(runtime);
    await loading(loads, runtime);
    const call = loads.invoke('early');
    loads.send(frames.drain, 0);
    expect(await loads.result(call)).toEqual(['early', 1]);
    expect(await loads.exited).toBe(0);
  },
);
