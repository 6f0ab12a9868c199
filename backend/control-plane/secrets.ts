import { PlatformError } from '../../shared/errors.ts';
import { projectOf, shortNameOf } from '../../shared/names.ts';
import { secretsOf, type VersionConfig } from '../../shared/version-config.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { InstancePool } from '../core/ports/instance-pool.ts';
import type { SecretKeeper, SecretsKeyView } from '../core/ports/secrets.ts';
import type { SecretRecord, Store } from '../core/ports/store.ts';
import type { VersionSpec } from '../core/version.ts';
import type { ChangeLock } from '../util/change-lock.ts';
import { type Actor, auditRecord } from './audit.ts';
import type { InMemoryFunctionDirectory } from './function-directory.ts';

export interface SecretsOptions {
  readonly store: Store;
  readonly keeper: SecretKeeper;
  readonly directory: InMemoryFunctionDirectory;
  readonly pool: Pick<InstancePool, 'recycle' | 'pools'>;
  readonly lock: ChangeLock;
  readonly clock: Clock;
}

/** A secret without its value, and the versions behind aliases that list it. */
export interface SecretView {
  readonly record: SecretRecord;
  readonly usedBy: readonly VersionSpec[];
}

/** Secrets of projects. A value goes in and never comes out again but into the environment of instances. */
export class Secrets {
  readonly #options: SecretsOptions;

  constructor(options: SecretsOptions) {
    this.#options = options;
  }

  /** By name. */
  list(project: string): readonly SecretView[] {
    const users = Map.groupBy(
      this.#versionsOf(project).flatMap((version) => secretsOf(version.config).map((name) => ({ name, version }))),
      ({ name }) => name,
    );
    return this.#options.keeper.list(project).map((record) => ({
      record,
      usedBy: (users.get(record.name) ?? []).map(({ version }) => version),
    }));
  }

  /** Throws `not_found`/`secret_not_found`. */
  get(project: string, name: string): SecretView {
    const record = this.#options.keeper.find(project, name);
    if (record === undefined) throw notFound(name);
    return { record, usedBy: this.#usersOf(project, name) };
  }

  /**
   * Sets a value. Calls that begin after this resolved see it: instances that started with another value get no more calls
   * and end when those inside have.
   */
  async put(project: string, name: string, value: string, actor: Actor): Promise<SecretView> {
    await this.putAll(project, { [name]: value }, actor);
    return this.get(project, name);
  }

  /** Sets several values, all of them or, when that fails, none; with an entry of the audit trail for each. In the order in which they are given. */
  async putAll(
    project: string,
    values: Readonly<Record<string, string>>,
    actor: Actor,
  ): Promise<readonly SecretView[]> {
    const { store, keeper, lock, clock } = this.#options;
    const names = Object.keys(values);
    await lock.run(async () => {
      const now = clock.now();
      const changes = Object.entries(values).map(([name, value]) => {
        const before = keeper.find(project, name)?.version ?? null;
        const record = keeper.seal(project, name, value, actor.name, now);
        return { record, detail: { before: { version: before }, after: { version: record.version } } };
      });
      await store.transaction(async (tx) => {
        for (const { record, detail } of changes) {
          await tx.secrets.put(record);
          await tx.audit.append(auditRecord(now, actor, 'secret.put', record.name, detail));
        }
      });
      for (const { record } of changes) keeper.apply(record);
      for (const name of names) this.#recycle(project, name, `secret ${name} was changed`);
    });
    return names.map((name) => this.get(project, name));
  }

  /** Rejects with `not_found`/`secret_not_found`, or `conflict`/`secret_in_use` while versions behind aliases list it. */
  async remove(project: string, name: string, actor: Actor): Promise<void> {
    const { store, keeper, lock, clock } = this.#options;
    await lock.run(async () => {
      const found = keeper.find(project, name);
      if (found === undefined) throw notFound(name);
      const [user] = this.#usersOf(project, name);
      if (user !== undefined) {
        const message = `version ${user.version} of ${shortNameOf(user.functionName)} lists ${name}; deploy a version that does not, then delete it`;
        throw new PlatformError('conflict', 'secret_in_use', message);
      }
      await store.transaction(async (tx) => {
        await tx.secrets.remove(project, name);
        const detail = { before: { version: found.version } };
        await tx.audit.append(auditRecord(clock.now(), actor, 'secret.delete', name, detail));
      });
      keeper.forget(project, name);
      this.#recycle(project, name, `secret ${name} was deleted`);
    });
  }

  /** Throws `unprocessable`/`secret_not_set`, naming what a version lists and the project does not have. */
  refuseMissing(functionName: string, config: VersionConfig): void {
    const project = projectOf(functionName);
    const missing = secretsOf(config).filter((name) => this.#options.keeper.find(project, name) === undefined);
    if (missing.length === 0) return;
    const message = `project ${project} has no secret ${missing.join(', ')}; set it first: hearth secrets set ${missing[0]}`;
    throw new PlatformError('unprocessable', 'secret_not_set', message, { issues: [{ path: 'secrets', message }] });
  }

  keyView(): SecretsKeyView {
    return this.#options.keeper.view();
  }

  /** See SecretKeeper.rotate. */
  async rotateKey(actor: Actor): Promise<SecretsKeyView> {
    const { store, keeper, lock, clock } = this.#options;
    return lock.run(async () => {
      const before = { keyId: keeper.view().keyId };
      const view = await keeper.rotate();
      const detail = { before, after: { keyId: view.keyId } };
      await store.audit.append(auditRecord(clock.now(), actor, 'secrets-key.rotate', view.keyId, detail));
      return view;
    });
  }

  #versionsOf(project: string): readonly VersionSpec[] {
    const { directory } = this.#options;
    return directory.entriesOf(project).flatMap(({ record }) => directory.referenced(record.id));
  }

  #usersOf(project: string, name: string): readonly VersionSpec[] {
    return this.#versionsOf(project).filter(({ config }) => secretsOf(config).includes(name));
  }

  /** Also versions that no alias refers to: they may run all the same. */
  #recycle(project: string, name: string, reason: string): void {
    const { pool } = this.#options;
    const users = pool
      .pools()
      .map(({ version }) => version)
      .filter(({ functionName, config }) => projectOf(functionName) === project && secretsOf(config).includes(name));
    if (users.length > 0) pool.recycle(new Set(users.map(({ versionId }) => versionId)), reason);
  }
}

function notFound(name: string): PlatformError {
  return new PlatformError('not_found', 'secret_not_found', `there is no secret ${name}`);
}
