import { hkdfSync } from 'node:crypto';
import { PlatformError } from '../../shared/errors.ts';
import { projectOf } from '../../shared/names.ts';
import { secretsOf } from '../../shared/version-config.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { OpenedSecrets, SecretKeeper, SecretReader, SecretSource, SecretsKeyView } from '../core/ports/secrets.ts';
import type { SecretRecord, SecretStore } from '../core/ports/store.ts';
import type { VersionSpec } from '../core/version.ts';
import { rewrap, seal, unseal } from './envelope.ts';
import { type KeyEncryptionKey, type KeyRing, newKey } from './key-ring.ts';
import type { KeySource } from './key-sources.ts';
import { redactorOf } from './redaction.ts';

export interface SecretVaultOptions {
  readonly store: SecretStore;
  readonly source: KeySource;
  readonly logger: Logger;
}

const keyOf = (project: string, name: string): string => `${project}/${name}`;

/**
 * Seals and opens secrets. Rows are held in memory as they are stored, sealed: a value exists in clear text only while it is
 * set, while an instance starts, and in the redaction of instances that have it.
 */
export class SecretVault implements SecretKeeper, SecretSource, SecretReader {
  readonly #options: SecretVaultOptions;
  readonly #records = new Map<string, SecretRecord>();
  #keys: KeyRing | undefined;
  #rewrapping: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: SecretVaultOptions) {
    this.#options = options;
  }

  /**
   * Loads key and rows; once, before anything else. Makes a key on the first start of an installation that has none. Rejects with
   * `invalid_request`/`bad_secrets_key`, and with `unavailable`/`secrets_key_wrong` when rows need a key that is not there.
   */
  async start(): Promise<void> {
    const { store, source } = this.#options;
    const records = await store.all();
    let keys = await source.load();
    if (keys === undefined) {
      if (records.length > 0) throw this.#wrongKey(records, 'there is no such file');
      keys = [newKey()];
      await source.settle(keys);
    }
    this.#refuseWrongKeys(records, keys);
    for (const record of records) this.#records.set(keyOf(record.project, record.name), record);
    this.#keys = keys;
    // An earlier rotation that was interrupted, or a new key in front of the old one.
    this.#rewrapLater();
  }

  view(): SecretsKeyView {
    return { source: this.#options.source.name, keyId: this.#current.id, pending: this.#outdated().length };
  }

  list(project: string): readonly SecretRecord[] {
    const records = [...this.#records.values()].filter((record) => record.project === project);
    return records.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(project: string, name: string): SecretRecord | undefined {
    return this.#records.get(keyOf(project, name));
  }

  seal(project: string, name: string, value: string, by: string, now: number): SecretRecord {
    const before = this.find(project, name);
    const place = { project, name, version: (before?.version ?? 0) + 1 };
    const kek = this.#current;
    const createdAt = before?.createdAt ?? now;
    return { ...place, ...seal(kek.key, place, value), keyId: kek.id, createdAt, updatedAt: now, updatedBy: by };
  }

  apply(record: SecretRecord): void {
    this.#records.set(keyOf(record.project, record.name), record);
  }

  forget(project: string, name: string): void {
    this.#records.delete(keyOf(project, name));
  }

  forgetProject(project: string): void {
    for (const record of this.list(project)) this.forget(project, record.name);
  }

  read(project: string, name: string): string | undefined {
    const record = this.find(project, name);
    return record && this.#open(record);
  }

  /** Like `read`; throws `unprocessable`/`secret_not_set` when there is none. */
  demand(project: string, name: string): string {
    const value = this.read(project, name);
    if (value !== undefined) return value;
    const message = `project ${project} has no secret ${name}; set it first: hearth secrets set ${name}`;
    throw new PlatformError('unprocessable', 'secret_not_set', message);
  }

  open({ functionName, config }: VersionSpec): OpenedSecrets {
    const project = projectOf(functionName);
    const values = secretsOf(config).map((name) => {
      const value = this.read(project, name);
      if (value !== undefined) return [name, value] as const;
      const message = `the secret ${name}, which ${functionName} lists, was deleted; set it again: hearth secrets set ${name}`;
      throw new PlatformError('unavailable', 'secret_missing', message);
    });
    const env = Object.fromEntries(values.filter(([name]) => config.secrets.includes(name)));
    return { env, redact: redactorOf(values.map(([, value]) => value)) };
  }

  async rotate(): Promise<SecretsKeyView> {
    await this.#rewrapping;
    const keys = await this.#options.source.rotate(this.#ring);
    this.#refuseWrongKeys([...this.#records.values()], keys);
    this.#keys = keys;
    this.#rewrapLater();
    return this.view();
  }

  /** 32 bytes for one use of the platform's own, the same after every start with this key. Says nothing about the key or about other uses. */
  deriveKey(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#current.key, '', `hearth ${purpose}`, 32));
  }

  /** Stops re-wrapping after the row at hand; the next start goes on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#rewrapping;
  }

  get #ring(): KeyRing {
    if (this.#keys === undefined) throw new Error('start has not resolved');
    return this.#keys;
  }

  get #current(): KeyEncryptionKey {
    return this.#ring[0];
  }

  #kekOf(record: SecretRecord): KeyEncryptionKey {
    const kek = this.#ring.find(({ id }) => id === record.keyId);
    if (kek === undefined) throw unreadable(record, undefined);
    return kek;
  }

  #open(record: SecretRecord): string {
    try {
      return unseal(this.#kekOf(record).key, record, record);
    } catch (cause) {
      throw unreadable(record, cause);
    }
  }

  #outdated(): readonly SecretRecord[] {
    return [...this.#records.values()].filter((record) => record.keyId !== this.#current.id);
  }

  #rewrapLater(): void {
    this.#rewrapping = this.#rewrapping
      .then(() => this.#rewrapAll())
      .catch((error: unknown) => {
        this.#options.logger.error(
          { err: error },
          'could not re-wrap all secrets; the next start or rotation tries again',
        );
      });
  }

  async #rewrapAll(): Promise<void> {
    const { source, logger } = this.#options;
    if (this.#outdated().length === 0 && this.#ring.length === 1) return;
    for (const record of this.#outdated()) {
      if (this.#isClosed) return;
      await this.#rewrapOne(record);
    }
    if (this.#outdated().length > 0) return;
    const keys: KeyRing = [this.#current];
    await source.settle(keys);
    this.#keys = keys;
    logger.info({ keyId: keys[0].id }, 'all secrets are wrapped with the current key');
  }

  async #rewrapOne(record: SecretRecord): Promise<void> {
    const to = this.#current;
    let wrappedKey: Buffer;
    try {
      wrappedKey = rewrap(this.#kekOf(record).key, to.key, record, record.wrappedKey);
    } catch (error) {
      const { project, name } = record;
      this.#options.logger.error({ err: error, project, name }, 'a secret is damaged; set it again');
      return;
    }
    const next = { ...record, wrappedKey, keyId: to.id };
    // False: somebody set or deleted it meanwhile, and that has its own key.
    if (!(await this.#options.store.rewrap(next))) return;
    if (this.find(record.project, record.name) === record) this.apply(next);
  }

  #refuseWrongKeys(records: readonly SecretRecord[], keys: KeyRing): void {
    const missing = records.filter((record) => !keys.some(({ id }) => id === record.keyId));
    if (missing.length > 0) throw this.#wrongKey(missing, `it holds ${keys.map(({ id }) => id).join(', ')}`);
  }

  #wrongKey(records: readonly SecretRecord[], found: string): PlatformError {
    const ids = [...new Set(records.map((record) => record.keyId))].join(', ');
    const message = `${records.length} secrets cannot be opened: they need the key ${ids}, and of ${this.#options.source.name} ${found}; give Hearth the key that they were set with`;
    return new PlatformError('unavailable', 'secrets_key_wrong', message);
  }
}

function unreadable({ name, project }: SecretRecord, cause: unknown): PlatformError {
  const message = `the secret ${name} of project ${project} is damaged: it does not open with its key; set it again`;
  return new PlatformError('unavailable', 'secret_unreadable', message, { cause });
}
