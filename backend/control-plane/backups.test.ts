import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { testClock, testLogger } from '../../tests/conformance/store-support.ts';
import type { AuditRecord } from '../core/ports/audit-store.ts';
import type { PreparedBackup } from '../core/ports/backups.ts';
import type { Store } from '../core/ports/store.ts';
import { Backups } from './backups.ts';
import { BundleGate } from './bundle-gate.ts';

const actor = { id: 'tok_1', name: 'ops', address: '::1', project: undefined };
let prunes: number;
let entries: AuditRecord[];
let gate: BundleGate;
let prepare: () => Promise<PreparedBackup>;
let append: (entry: AuditRecord) => Promise<void>;
let backups: Backups;

/** An archive that goes on until somebody ends it. */
function endless(): PreparedBackup {
  const archive = new Readable({ read: () => undefined });
  const released = finished(archive).catch(() => undefined);
  return { createdAt: 1, databaseBytes: 2, bundleCount: 3, archive, released };
}

beforeEach(() => {
  prunes = 0;
  entries = [];
  const bundles = { prune: async () => ++prunes };
  gate = new BundleGate({ bundles, digests: async () => new Set(), logger: testLogger as never });
  prepare = async () => endless();
  append = async (entry) => void entries.push(entry);
  const audit = { append: (entry: AuditRecord) => append(entry) } as Store['audit'];
  backups = new Backups({ writer: { prepare: () => prepare() }, gate, store: { audit }, clock: testClock });
});

describe('a backup', () => {
  it('is one at a time, and in the audit trail', async () => {
    const { archive, released } = await backups.create(actor);
    await expect(backups.create(actor)).rejects.toMatchObject({ kind: 'conflict', code: 'backup_running' });
    expect(entries).toMatchObject([{ action: 'backup.create', actor: 'ops', detail: { after: { bundleCount: 3 } } }]);
    archive.destroy();
    await released;
    await expect(backups.create(actor)).resolves.toMatchObject({ bundleCount: 3 });
  });

  it('keeps bundles until it is over', async () => {
    const { archive, released } = await backups.create(actor);
    gate.requestPrune();
    await gate.settled();
    expect(prunes).toBe(0);
    archive.destroy();
    await released;
    await gate.settled();
    expect(prunes).toBe(1);
  });

  it('that cannot be made, or noted, is over at once', async () => {
    prepare = () => Promise.reject(new Error('no room'));
    await expect(backups.create(actor)).rejects.toThrow('no room');
    const made = endless();
    prepare = async () => made;
    append = () => Promise.reject(new Error('not noted'));
    await expect(backups.create(actor)).rejects.toThrow('not noted');
    expect(made.archive.destroyed).toBe(true);
    await made.released;
    gate.requestPrune();
    await gate.settled();
    expect(prunes).toBe(1);
  });

  it('does not hold up the end of the platform, begun before it or during it', async () => {
    const { archive } = await backups.create(actor);
    const heard = finished(archive).catch((error: unknown) => error);
    await backups.close();
    expect(await heard).toMatchObject({ code: 'backup_broken_off' });
    const late = endless();
    prepare = async () => late;
    await expect(backups.create(actor)).rejects.toMatchObject({ code: 'backup_broken_off' });
    expect(late.archive.destroyed).toBe(true);
    await late.released;
  });
});
