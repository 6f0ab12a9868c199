import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quietLogger, versionOf } from '../../tests/fakes/pool-rig.ts';
import type { Store } from '../core/ports/store.ts';
import { SystemClock } from '../core/system-clock.ts';
import { openSqliteStore } from '../database/sqlite/open-sqlite-store.ts';
import { type KeySettings, keySourceOf } from './key-sources.ts';
import { SecretVault } from './secret-vault.ts';

let folder: string;
let store: Store;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-secrets-'));
  store = await openSqliteStore({ path: join(folder, 'hearth.db'), clock: new SystemClock(), logger: quietLogger });
  await store.migrate();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const ownFile = () => join(folder, 'secrets.key');
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64');

async function open(settings: Partial<KeySettings> = {}): Promise<SecretVault> {
  const source = keySourceOf({ key: '', keyFile: '', keyCommand: '', ownFile: ownFile(), ...settings });
  const vault = new SecretVault({ store: store.secrets, source, logger: quietLogger });
  await vault.start();
  return vault;
}

async function put(vault: SecretVault, name: string, value: string, project = 'default') {
  const record = vault.seal(project, name, value, 'test', 1);
  await store.secrets.put(record);
  vault.apply(record);
}

describe('values', () => {
  it('are there again after a restart, of their own project alone', async () => {
    const vault = await open();
    await put(vault, 'A', 'one');
    await put(vault, 'A', 'two');
    await put(vault, 'A', 'other', 'shop');
    const again = await open();
    expect(again.read('default', 'A')).toBe('two');
    expect(again.find('default', 'A')?.version).toBe(2);
    const openOf = (functionName: string) => again.open(versionOf({ secrets: ['A'] }, { functionName }));
    expect(openOf('hello').env).toEqual({ A: 'two' });
    expect(openOf('shop/hello').env).toEqual({ A: 'other' });
    expect(() => openOf('none/hello')).toThrow(expect.objectContaining({ code: 'secret_missing' }));
  });

  it('do not open in a row of another secret', async () => {
    const vault = await open();
    await put(vault, 'A', 'one');
    await put(vault, 'B', 'two');
    const a = vault.find('default', 'A');
    const b = vault.find('default', 'B');
    if (a === undefined || b === undefined) throw new Error('both are there');
    await store.secrets.put({ ...a, sealed: b.sealed, wrappedKey: b.wrappedKey });
    const again = await open();
    expect(() => again.read('default', 'A')).toThrow(expect.objectContaining({ code: 'secret_unreadable' }));
    expect(again.read('default', 'B')).toBe('two');
  });
});

describe('the key', () => {
  it('is made once, readable by the owner alone, also when a copy came with other rights', async () => {
    await open();
    const text = readFileSync(ownFile(), 'utf8');
    expect(statSync(ownFile()).mode & 0o777).toBe(0o600);
    chmodSync(ownFile(), 0o644);
    await open();
    expect(readFileSync(ownFile(), 'utf8')).toBe(text);
    expect(statSync(ownFile()).mode & 0o777).toBe(0o600);
  });

  it('that is lost or wrong refuses the start with one line that names the key and not its bytes', async () => {
    await put(await open({ key: key(1) }), 'A', 'one');
    for (const settings of [{}, { key: key(2) }]) {
      const error = (await open(settings).catch((caught: unknown) => caught)) as Error & { code: string };
      expect(error.code).toBe('secrets_key_wrong');
      expect(error.message).not.toContain('\n');
      expect(error.message).not.toContain(key(2).slice(0, 12));
    }
    expect(existsSync(ownFile())).toBe(false);
    expect((await open({ key: key(1) })).read('default', 'A')).toBe('one');
  });

  it.each(['', 'short', `${key(1)},nonsense`, 'zz'.repeat(32)])('is refused when it is no key: %s', async (text) => {
    writeFileSync(join(folder, 'key'), text);
    await expect(open({ keyFile: join(folder, 'key') })).rejects.toMatchObject({ code: 'bad_secrets_key' });
  });

  it('may come from a program, whose failure is told', async () => {
    const vault = await open({ keyCommand: `/bin/echo ${key(3)}` });
    expect(vault.view().source).toBe('HEARTH_SECRETS_KEY_COMMAND');
    await expect(open({ keyCommand: '/bin/false' })).rejects.toMatchObject({ code: 'bad_secrets_key' });
    await expect(open({ keyCommand: '/nowhere/at-all' })).rejects.toMatchObject({ code: 'bad_secrets_key' });
    await expect(async () => open({ key: key(1), keyFile: 'x' })).rejects.toMatchObject({ code: 'bad_secrets_key' });
  });
});

describe('rotation', () => {
  it('re-wraps everything while values stay readable, then forgets the old key', async () => {
    const vault = await open();
    const before = readFileSync(ownFile(), 'utf8').trim();
    for (let i = 0; i < 20; i++) await put(vault, `S${i}`, `value ${i}`);
    const started = await vault.rotate();
    expect(started.pending).toBe(20);
    expect(readFileSync(ownFile(), 'utf8').split('\n')).toHaveLength(3);
    while (vault.view().pending > 0) {
      expect(vault.read('default', 'S19')).toBe('value 19');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vault.close();
    const after = readFileSync(ownFile(), 'utf8').trim();
    expect(after).not.toContain(before);
    expect(after.split('\n')).toHaveLength(1);
    const again = await open();
    expect(again.read('default', 'S0')).toBe('value 0');
    expect(again.view()).toMatchObject({ keyId: started.keyId, pending: 0 });
    await expect(open({ key: before })).rejects.toMatchObject({ code: 'secrets_key_wrong' });
  });

  it('that was interrupted goes on at the next start', async () => {
    const vault = await open();
    for (let i = 0; i < 5; i++) await put(vault, `S${i}`, `value ${i}`);
    const rotated = vault.rotate();
    await vault.close();
    await rotated;
    const again = await open();
    await again.close();
    const last = await open();
    await expect.poll(() => last.view().pending).toBe(0);
    expect(last.read('default', 'S4')).toBe('value 4');
  });

  it('takes what the operator put in front, and says what to do when there is nothing new', async () => {
    const keyFile = join(folder, 'key');
    writeFileSync(keyFile, key(1));
    const vault = await open({ keyFile });
    await put(vault, 'A', 'one');
    await expect(vault.rotate()).rejects.toMatchObject({ code: 'secrets_key_unchanged' });
    writeFileSync(keyFile, key(2));
    await expect(vault.rotate()).rejects.toMatchObject({ code: 'secrets_key_wrong' });
    writeFileSync(keyFile, `${key(2)}\n${key(1)}`);
    await vault.rotate();
    await vault.close();
    expect((await open({ key: key(2) })).read('default', 'A')).toBe('one');
    await expect((await open({ key: key(2) })).rotate()).rejects.toMatchObject({ code: 'secrets_key_fixed' });
    // A new key in front of the old one at a start does the same.
    const restarted = await open({ key: `${key(4)},${key(2)}` });
    await restarted.close();
    expect((await open({ key: `${key(4)},${key(2)}` })).read('default', 'A')).toBe('one');
  });
});
