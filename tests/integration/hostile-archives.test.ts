import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CraftedEntry, craftTarGz, craftZip } from '../support/archives.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

/** Of its own, with nothing beside the data folder: what an entry writes outside shows. */
const directory = mkdtempSync(join(tmpdir(), 'hearth-archives-'));
const dataDirectory = join(directory, 'a/b/c/data');
let platform: Platform;
beforeAll(async () => {
  mkdirSync(dataDirectory, { recursive: true });
  platform = await startPlatform({ dataDirectory, environment: { HEARTH_PREWARM: '0' } });
  // Makes the folders that come with the first deploy.
  expect(await upload(craftZip([good]), 'zip', 'keeper')).toMatchObject({ status: 201 });
});
afterAll(async () => {
  await platform?.dispose();
  rmSync(directory, { recursive: true, force: true });
});

/** Every path that a deploy may have made: bundles, what is being unpacked, and what is outside of the data folder. The database writes as it likes. */
function tree(): readonly string[] {
  let all: readonly string[] | undefined;
  // A folder that goes while it is walked ends the walk.
  while (all === undefined) {
    try {
      all = readdirSync(directory, { recursive: true, encoding: 'utf8' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return all.filter((path) => !/hearth\.db|\.log$|\/run(\/|$)/.test(path)).sort();
}

async function upload(bytes: Buffer, format: string, name = 'hostile'): Promise<{ status: number; code: string }> {
  const form = new FormData();
  form.set('config', JSON.stringify({ name, runtime: 'nodejs' }));
  form.set('bundle', new Blob([new Uint8Array(bytes)]), `bundle.${format}`);
  const response = await fetch(`${platform.url}/api/v1/functions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${platform.token}` },
    body: form,
  });
  return { status: response.status, code: ((await response.json()) as { code?: string }).code ?? '' };
}

const good: CraftedEntry = { name: 'index.mjs', content: 'export const handler = () => 1;' };
const formats = [
  ['zip', craftZip],
  ['tar.gz', craftTarGz],
] as const;
const both: readonly (readonly [string, readonly CraftedEntry[], number])[] = [
  ['an entry above the folder', [good, { name: '../../../escaped', content: 'x' }], 400],
  ['an absolute path', [good, { name: '/tmp/hearth-escaped', content: 'x' }], 400],
  ['a drive', [good, { name: 'C:/escaped', content: 'x' }], 400],
  ['backslashes', [good, { name: '..\\..\\escaped', content: 'x' }], 400],
  ['a name twice', [good, { name: './index.mjs', content: 'evil' }], 400],
  ['a file that is a folder', [good, { name: 'index.mjs/x', content: 'x' }], 400],
  ['a bomb', [good, { name: 'zeros', content: Buffer.alloc(300_000_000) }], 413],
];
const hardLink: CraftedEntry = { name: 'link', type: '1', linkName: '/etc/passwd', content: '' };
const special: readonly (readonly [string, CraftedEntry])[] = [
  ['a symbolic link', { name: 'link', type: '2', mode: 0o120777, linkName: '/etc/passwd', content: '' }],
  ['a device', { name: 'device', type: '3', mode: 0o020666 }],
  ['a disk', { name: 'disk', type: '4', mode: 0o060666 }],
  ['a fifo', { name: 'fifo', type: '6', mode: 0o010666 }],
];

describe.each(formats)('a deploy of a .%s', (format, craft) => {
  const links = format === 'tar.gz' ? [['a hard link', hardLink] as const] : [];
  const rows = [...both, ...[...special, ...links].map(([what, entry]) => [what, [good, entry], 400] as const)];
  it.each(rows)('with %s is refused, and leaves nothing', async (_what, entries, status) => {
    const before = tree();
    const answer = await upload(craft(entries), format);
    expect(answer.status, answer.code).toBe(status);
    // What was unpacked so far is removed.
    await eventually(() => expect(tree().filter((path) => !before.includes(path))).toEqual([]));
    expect(existsSync('/tmp/hearth-escaped')).toBe(false);
    expect((await platform.api('GET', '/api/v1/functions/hostile')).status).toBe(404);
  });

  it('that is all right is taken, by the same name', async () => {
    expect(await upload(craft([good]), format)).toMatchObject({ status: 201 });
    expect((await platform.api('DELETE', '/api/v1/functions/hostile')).status).toBe(204);
  });
});

it('a .zip that lies about a size is refused, and leaves nothing', async () => {
  const before = tree();
  const lie = { name: 'a', content: 'x'.repeat(50_000), claimedBytes: 10 };
  // Again and again: what is unpacked may fail before, while or after it is read, and once ended the platform.
  for (let time = 0; time < 25; time++) {
    expect(await upload(craftZip([good, lie]), 'zip')).toEqual({ status: 400, code: 'bundle_archive_invalid' });
  }
  await eventually(() => expect(tree().filter((path) => !before.includes(path))).toEqual([]));
});
