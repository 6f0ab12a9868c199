import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { fakeFirecrackerEnvironment, whyNoFakeFirecracker } from '../support/fake-firecracker.ts';
import { eventually, type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

const source = `export const handler = (event) => {
  if (event.ends) process.exit(1);
  return { drawn: crypto.randomUUID() };
};`;
const path = '/api/v1/functions/frozen/invocations';

const why = whyNoFakeFirecracker();

/** The pool, the driver and the agents for real, in guests of a fake Firecracker. */
describe.skipIf(why !== undefined)(`functions of firecracker that start from snapshots${skippedFor(why)}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-fc-snapshots-'));
  chmodSync(directory, 0o711);
  let platform: Platform | undefined;
  afterEach(async () => await platform?.dispose());
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const call = async (event: object): Promise<{ start: string | null; drawn: string }> => {
    const response = await (platform as Platform).api('POST', path, event);
    const { drawn } = (await response.json()) as { drawn: string };
    return { start: response.headers.get('hearth-start'), drawn };
  };

  it('boots once, restores from then on, also after a restart, and drops the snapshot with the function', async () => {
    const environment = {
      HEARTH_FIRECRACKER: 'true',
      ...fakeFirecrackerEnvironment(directory),
      HEARTH_PREWARM: '0',
    };
    platform = await startPlatform({ environment });
    await untilHealthy(platform, 'firecracker');
    const files = { 'index.mjs': source };
    const own = { name: 'frozen', handler: 'index.handler', files, isolation: 'firecracker' };
    expect((await platform.api('POST', '/api/v1/functions', own)).status).toBe(201);
    const answers = [await call({})];
    await call({ ends: true });
    answers.push(await call({}));
    const { dataDirectory } = platform;
    const snapshots = () => readdirSync(join(dataDirectory, 'run', 'snapshots', 'firecracker'));
    expect(snapshots()).toHaveLength(1);
    await platform.stop();
    platform = await startPlatform({ environment, dataDirectory });
    answers.push(await call({}));
    expect(answers.map(({ start }) => start)).toEqual(['cold', 'restored', 'restored']);
    expect(new Set(answers.map(({ drawn }) => drawn)).size).toBe(3);
    expect((await platform.api('DELETE', '/api/v1/functions/frozen')).status).toBe(204);
    await eventually(async () => expect(snapshots()).toEqual([]));
  });
});
