import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { TokenRecord, TokenStore } from '../core/ports/store.ts';
import { SystemClock } from '../core/system-clock.ts';
import { ensureAdminToken } from './admin-token.ts';
import { hashSecret } from './tokens.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function rig() {
  const records: TokenRecord[] = [];
  const tokens: TokenStore = {
    create: async (record) => void records.push(record),
    all: async () => [...records],
    touch: async () => undefined,
    remove: async (id) =>
      records.splice(
        records.findIndex((record) => record.id === id),
        1,
      ).length > 0,
  };
  const dataDirectory = join(mkdtempSync(join(tmpdir(), 'hearth-token-')), 'data');
  folders.push(join(dataDirectory, '..'));
  const ensure = (configuredToken?: string) =>
    ensureAdminToken({ store: { tokens }, dataDirectory, configuredToken, clock: new SystemClock() });
  return { records, dataDirectory, ensure };
}

test('the first start generates a token that only the owner can read; the next one uses it', async () => {
  const { records, dataDirectory, ensure } = rig();
  const first = await ensure();
  expect(first).toEqual({ source: 'generated', path: join(dataDirectory, 'admin-token') });
  const secret = readFileSync(join(dataDirectory, 'admin-token'), 'utf8').trim();
  expect(secret).toMatch(/^hearth_[\w-]{43}$/);
  expect(statSync(join(dataDirectory, 'admin-token')).mode & 0o777).toBe(0o600);
  expect(records).toMatchObject([{ scope: 'admin', hash: hashSecret(secret) }]);
  expect(JSON.stringify(records)).not.toContain(secret);
  expect((await ensure()).source).toBe('file');
  expect(records).toHaveLength(1);
  records.length = 0;
  await ensure();
  expect(records).toMatchObject([{ hash: hashSecret(secret) }]);
});

test('a configured token: the only one of its name, revoked with the setting', async () => {
  const { records, ensure } = rig();
  await ensure('a'.repeat(32));
  await ensure('b'.repeat(32));
  expect(records.map((record) => record.hash)).toEqual([hashSecret('b'.repeat(32))]);
  expect((await ensure()).source).toBe('generated');
  expect(records).toHaveLength(1);
  expect(records[0]?.hash).not.toBe(hashSecret('b'.repeat(32)));
  await expect(ensure('short')).rejects.toMatchObject({ code: 'bad_admin_token' });
});
