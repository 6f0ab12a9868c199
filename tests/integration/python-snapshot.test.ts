import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { frames, RawAgent } from '../support/raw-agent.ts';

const agentPath = join(import.meta.dirname, '../../backend/execution-engine/runtimes/python/guest/agent.py');
const python = process.env['HEARTH_TEST_PYTHON'] ?? '/usr/bin/python3';

let code: string;
let agent: RawAgent;
beforeEach(async () => {
  code = await mkdtemp(join(tmpdir(), 'hearth-py-'));
  agent = new RawAgent({ argv: [python, '-I', '-S', '-u', agentPath] });
});
afterEach(async () => {
  await agent.kill();
  await rm(code, { recursive: true, force: true });
});

async function load(source: string): Promise<void> {
  await writeFile(join(code, 'main.py'), source);
  expect((await agent.init(code, 'main.handler')).type).toBe(frames.ready);
}

test('random numbers follow the entropy of the restore', async () => {
  await load('import random, ssl\ndef handler(e, c): return random.random()');
  const restored = async (entropy: string): Promise<void> => {
    agent.send(frames.beforeSnapshot, 0);
    await agent.next((frame) => frame.type === frames.beforeSnapshot);
    agent.send(frames.afterRestore, 0, JSON.stringify({ nowMs: 1, entropy }));
    await agent.next((frame) => frame.type === frames.afterRestore);
  };
  await restored('AAAAAAAA');
  const first = await agent.result(agent.invoke(1));
  await restored('BBBBBBBB');
  expect(await agent.result(agent.invoke(2))).not.toBe(first);
  await restored('AAAAAAAA');
  expect(await agent.result(agent.invoke(3))).toBe(first);
});

test('nothing is sent between the two frames, and what was to be said comes afterwards', async () => {
  await load(
    'import sys, threading, time\ndef run():\n  n = 0\n  while True:\n    sys.stdout.write(str(n) + "\\n")\n    n += 1\n    time.sleep(0.001)\n' +
      'threading.Thread(target=run, daemon=True).start()\ndef handler(e, c): ...',
  );
  agent.send(frames.beforeSnapshot, 0);
  await agent.next((frame) => frame.type === frames.beforeSnapshot);
  const held = agent.received.length;
  await new Promise((done) => setTimeout(done, 40));
  expect(agent.received).toHaveLength(held);
  agent.send(frames.afterRestore, 0, JSON.stringify({ nowMs: 1, entropy: 'AAAA' }));
  await agent.next((frame) => frame.type === frames.afterRestore);
  const lines = () =>
    agent.received.filter((frame) => frame.type === frames.log).map((frame) => frame.payload.toString('utf8', 4));
  await expect.poll(() => lines().length).toBeGreaterThan(held);
  const said = lines();
  expect(said.join('\n').split('\n')).toEqual(said.map((_line, index) => String(index)));
});
