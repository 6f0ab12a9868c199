import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { whyNoQemu } from '../support/qemu-programs.ts';
import { skippedFor } from '../support/skip-reason.ts';

const why = whyNoQemu();

const environment = { HEARTH_QEMU: 'true', HEARTH_PREWARM: '0' };
const source = `const loaded = Math.random();
export const handler = (event) => {
  if (event.ends) process.exit(1);
  return { loaded, drawn: crypto.randomUUID() };
};`;

const path = '/api/v1/functions/frozen/invocations';

interface Answer {
  readonly start: string | null;
  readonly loaded: number;
  readonly drawn: string;
}

/** Boots one guest for real. */
describe.skipIf(why !== undefined)(`functions in microVMs that start from snapshots${skippedFor(why)}`, () => {
  let platform: Platform | undefined;
  afterEach(async () => await platform?.dispose());

  it('boots once, restores from then on, also after a restart, and drops the snapshot with the function', async () => {
    platform = await startPlatform({ environment });
    const files = { 'index.mjs': source };
    const own = { name: 'frozen', handler: 'index.handler', files, isolation: 'qemu', timeoutMs: 90_000 };
    expect((await platform.api('POST', '/api/v1/functions', own)).status).toBe(201);
    const answers = [await call(platform)];
    for (let i = 0; i < 2; i++) {
      await platform.api('POST', path, { ends: true });
      answers.push(await call(platform));
    }
    expect(answers.map(({ start }) => start)).toEqual(['cold', 'restored', 'restored']);
    const { dataDirectory } = platform;
    const snapshots = () => readdirSync(join(dataDirectory, 'run', 'snapshots', 'qemu'));
    await eventually(async () => expect(snapshots()).toHaveLength(1));
    await platform.stop();
    platform = await startPlatform({ environment, dataDirectory });
    answers.push(await call(platform));
    expect(answers.at(-1)?.start).toBe('restored');
    expect(new Set(answers.map(({ loaded }) => loaded)).size).toBe(1);
    expect(new Set(answers.map(({ drawn }) => drawn)).size).toBe(answers.length);
    expect((await platform.api('DELETE', '/api/v1/functions/frozen')).status).toBe(204);
    await eventually(async () => expect(snapshots()).toEqual([]));
  }, 240_000);
});

async function call(platform: Platform): Promise<Answer> {
  const response = await platform.api('POST', path, {});
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return { start: response.headers.get('hearth-start'), ...(JSON.parse(text) as Omit<Answer, 'start'>) };
}
