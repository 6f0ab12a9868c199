import { PlatformError } from '../../shared/errors.ts';
import type { BackupWriter, PreparedBackup } from '../core/ports/backups.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Store } from '../core/ports/store.ts';
import { type Actor, auditRecord } from './audit.ts';
import type { BundleGate } from './bundle-gate.ts';

export interface BackupsOptions {
  readonly writer: BackupWriter;
  readonly gate: Pick<BundleGate, 'hold'>;
  readonly store: Pick<Store, 'audit'>;
  readonly clock: Clock;
}

/** Backups of the whole installation while it runs. */
export class Backups {
  readonly #options: BackupsOptions;
  #isRunning = false;
  #isClosed = false;
  #current: PreparedBackup | undefined;

  constructor(options: BackupsOptions) {
    this.#options = options;
  }

  /**
   * Copies and checks everything, notes it in the audit trail and resolves with the archive. No bundle is deleted until that is over.
   * Rejects with `conflict`/`backup_running` while another one is.
   */
  async create(actor: Actor): Promise<PreparedBackup> {
    if (this.#isRunning) {
      const message = 'A backup is being made already; wait until it is over.';
      throw new PlatformError('conflict', 'backup_running', message);
    }
    this.#isRunning = true;
    let release: (() => void) | undefined;
    const end = (): void => {
      this.#isRunning = false;
      this.#current = undefined;
      release?.();
    };
    let backup: PreparedBackup;
    try {
      release = await this.#options.gate.hold();
      backup = await this.#options.writer.prepare();
    } catch (error) {
      end();
      throw error;
    }
    this.#current = backup;
    void backup.released.then(end);
    if (this.#isClosed) {
      backup.archive.destroy();
      throw brokenOff();
    }
    await this.#note(actor, backup);
    return backup;
  }

  /** The platform goes down: a transfer that is not over ends in an error for whoever reads it, instead of holding up the end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const current = this.#current;
    if (current === undefined) return;
    current.archive.destroy(brokenOff());
    await current.released;
  }

  async #note(actor: Actor, { createdAt, databaseBytes, bundleCount, archive }: PreparedBackup): Promise<void> {
    const { store, clock } = this.#options;
    try {
      const detail = { after: { createdAt, databaseBytes, bundleCount } };
      await store.audit.append(auditRecord(clock.now(), actor, 'backup.create', 'installation', detail));
    } catch (error) {
      archive.destroy();
      throw error;
    }
  }
}

function brokenOff(): PlatformError {
  return new PlatformError('unavailable', 'backup_broken_off', 'The platform is stopping; try again later.');
}
