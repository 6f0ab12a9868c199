import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OwnDaemon, whyNoDaemon } from '../support/docker-daemon.ts';
import { largePython, loadableModule } from '../support/large-sources.ts';
import { type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

/** Says whether what Python imported has a compiled file, made by a Python that writes as this one reads. */
const main = `import importlib.util, os, large
def handler(event, context):
    if not os.path.exists(large.__cached__):
        return False
    with open(large.__cached__, 'rb') as compiled:
        return compiled.read(4) == importlib.util.MAGIC_NUMBER
`;

/** Deploys a large function of each runtime, calls both, and answers with what they saw. */
async function firstCalls(platform: Platform): Promise<{ node: unknown; python: unknown }> {
  const limits = { isolation: 'docker', memoryMb: 256, timeoutMs: 60_000, initTimeoutMs: 60_000 };
  const call = async (json: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const deployed = await platform.api('POST', '/api/v1/functions', { ...json, ...limits });
    expect(deployed.status, await deployed.text()).toBe(201);
    return await (await platform.api('POST', `/api/v1/functions/${json['name']}/invocations`, {})).json();
  };
  const node = await call({ name: 'large', runtime: 'nodejs', files: { 'index.mjs': loadableModule() } });
  const files = { 'main.py': main, 'large.py': largePython };
  const python = await call({ name: 'py', runtime: 'python', handler: 'main.handler', files });
  return { node, python };
}

const noDaemon = whyNoDaemon();
describe.skipIf(noDaemon !== undefined)(`docker${skippedFor(noDaemon)}`, () => {
  const daemon = new OwnDaemon();
  beforeAll(async () => await daemon.start());
  afterAll(async () => await daemon.remove());

  test.each(['true', 'false'])('containers find what was compiled when HEARTH_COMPILE_AHEAD is %s', async (isAhead) => {
    const environment = { HEARTH_DOCKER_HOST: daemon.host, HEARTH_COMPILE_AHEAD: isAhead };
    const platform = await startPlatform({ environment });
    try {
      await untilHealthy(platform, 'docker');
      const { node, python } = await firstCalls(platform);
      // Node is shown only what has its version, its architecture and V8's own tag in the name.
      expect(node).toEqual(['2the text of f1', isAhead === 'true' ? expect.stringContaining('/hearth-') : null]);
      expect(python).toBe(isAhead === 'true');
    } finally {
      await platform.dispose();
    }
  });
});
