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

async function answerOf(source: string, environment: Readonly<Record<string, string>> = {}): Promise<unknown> {
  agent = new RawAgent({ argv: [python, '-I', '-S', '-u', agentPath], env: environment });
  await writeFile(join(code, 'main.py'), source);
  expect((await agent.init(code, 'main.handler')).type).toBe(frames.ready);
  return JSON.parse((await agent.response(agent.invoke({}))).body.toString());
}

describe('modules that are imported ahead', () => {
  const environment = { HEARTH_PRELOAD: 'statistics,xml.sax,main,no_such_module,json' };

  const loadedAfter = async (source: string): Promise<unknown> => await answerOf(source, environment);

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

describe('modules that the agent itself needs at times', () => {
  const whichAreThere = `
import sys
def handler(event, context):
    return sorted({"asyncio", "inspect", "json", "logging", "random", "re", "socket", "traceback"} & set(sys.modules))
`;

  test('are not imported for a handler that does without, and are there in a sandbox that has waited', async () => {
    expect(await answerOf(whichAreThere)).toEqual([]);
    await agent?.kill();
    const all = ['asyncio', 'inspect', 'json', 'logging', 'random', 're', 'socket', 'traceback'];
    expect(await answerOf(whichAreThere, { HEARTH_WAITS: '1' })).toEqual(all);
  });

  test.each([{}, { HEARTH_WAITS: '1' }])('give the logger of the function its levels (%o)', async (environment) => {
    const said =
      'def handler(event, context):\n    logging.getLogger("own").warning("mind the gap")\n    return len(logging.root.handlers)\n';
    expect(await answerOf(`import logging\n${said}`, environment)).toBe(1);
    expect(agent?.logs(1)).toEqual(['2 1 mind the gap']);
  });

  test('are the standard ones, whatever modules a bundle has', async () => {
    await writeFile(join(code, 'token.py'), 'NAME = "the bundle\'s own"\n');
    const source = `
import token
async def handler(event, context):
    try:
        raise ValueError("no")
    except ValueError:
        import traceback
        return [hasattr(token, "tok_name"), traceback.format_exc().splitlines()[-1]]
`;
    expect(await answerOf(source)).toEqual([true, 'ValueError: no']);
  });
});
