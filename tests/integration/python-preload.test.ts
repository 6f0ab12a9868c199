import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { frames, RawAgent } from '../support/raw-agent.ts';

const agentPath = join(import.meta.dirname, '../../backend/execution-engine/runtimes/python/guest/agent.py');
const python = process.env['HEARTH_TEST_PYTHON'] ?? '/usr/bin/python3';

let code: string;
let agent: RawAgent | undefined;
beforeEach(async () => {
  code = await mkdtemp(join(tmpdir(), 'hearth-py-'));
});
afterEach(async () => {
  await agent?.kill();
  await rm(code, { recursive: true, force: true });
});

describe('modules that are imported ahead', () => {
  const environment = { HEARTH_PRELOAD: 'statistics,xml.sax,main,no_such_module,json' };

  async function loadedAfter(source: string): Promise<unknown> {
    agent = new RawAgent({ argv: [python, '-I', '-u', agentPath], env: environment });
    await writeFile(join(code, 'main.py'), source);
    expect((await agent.init(code, 'main.handler')).type).toBe(frames.ready);
    return JSON.parse((await agent.response(agent.invoke({}))).body.toString());
  }

  test('are found loaded; what is not of the standard library, or missing, is left out', async () => {
    const loaded = await loadedAfter(`
import os, sys
loaded = [name for name in ("statistics", "xml.sax", "xml", "no_such_module") if name in sys.modules]
def handler(event, context):
    return {"loaded": loaded, "variable": os.environ.get("HEARTH_PRELOAD")}
`);
    expect(loaded).toEqual({ loaded: ['statistics', 'xml.sax', 'xml'], variable: null });
    expect(agent?.output).toBe('');
  });

  test('give way to modules of the bundle with the same name', async () => {
    await writeFile(join(code, 'statistics.py'), 'mean = "the bundle\'s own"\n');
    const answer = await loadedAfter(`
import statistics, xml.sax
def handler(event, context):
    return [statistics.mean, callable(xml.sax.parse)]
`);
    expect(answer).toEqual(["the bundle's own", true]);
  });
});
