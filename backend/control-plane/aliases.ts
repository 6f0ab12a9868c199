import { canaryGuardSchema, type PutAlias } from '../../shared/api/functions.ts';
import type { AuditAction } from '../../shared/audit-actions.ts';
import { PlatformError } from '../../shared/errors.ts';
import { projectOf, shortNameOf } from '../../shared/names.ts';
import { kindOfMove, type MoveKind } from '../core/policies/alias-move.ts';
import type { CanaryGuard } from '../core/policies/canary.ts';
import type { AliasStore } from '../core/ports/alias-store.ts';
import type { CanaryAbortRecord } from '../core/ports/canary-aborts.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { AliasRecord, PageRequest, Store } from '../core/ports/store.ts';
import type { ChangeLock } from '../util/change-lock.ts';
import { type Actor, auditRecord } from './audit.ts';
import type { FunctionEntry, InMemoryFunctionDirectory } from './function-directory.ts';
import type { Reservations } from './reservations.ts';
import type { Rollout } from './rollout.ts';
import type { Secrets } from './secrets.ts';
import { versionOf } from './versions.ts';

export interface AliasesOptions {
  readonly store: Store;
  readonly directory: InMemoryFunctionDirectory;
  readonly rollout: Rollout;
  readonly reservations: Pick<Reservations, 'refuseOverbooking'>;
  readonly lock: ChangeLock;
  readonly secrets: Pick<Secrets, 'refuseMissing'>;
  readonly clock: Clock;
}

/** Why a canary has to go. */
export interface CanaryFault {
  readonly version: number;
  /** What has all the traffic instead. */
  readonly stable: number;
  readonly reason: string;
}

/** Who moves an alias, and what is kept of it beside the alias. */
interface AliasMove {
  readonly actor: Actor;
  readonly action: AuditAction;
  readonly kind: MoveKind;
  readonly reason: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly abort?: CanaryAbortRecord;
}

export interface CanaryAbortsAsked {
  readonly project: string;
  /** Its full name; undefined: all functions of the project. */
  readonly functionName: string | undefined;
  /** Included, ms. */
  readonly from: number;
  /** Not included, ms. */
  readonly to: number;
  readonly limit: number;
}

/** Rows that are read to find those of one project: there are few of them, and they are kept for months only. */
const maxAbortsRead = 1000;

/** Names for versions that carry traffic. A rollback is `put` of `live`. */
export class Aliases {
  readonly #options: AliasesOptions;

  constructor(options: AliasesOptions) {
    this.#options = options;
  }

  /** By name. */
  list(name: string): readonly AliasRecord[] {
    return [...this.#options.directory.get(name).aliases.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Throws `not_found` (`function_not_found`, `alias_not_found`). */
  get(name: string, aliasName: string): AliasRecord {
    const alias = this.#options.directory.get(name).aliases.get(aliasName);
    if (alias !== undefined) return alias;
    throw aliasNotFound(name, aliasName);
  }

  /**
   * Creates or moves an alias; the switch is atomic. Rejects with `not_found`/`version_not_found`, `unprocessable` (`secret_not_set`, `reservations_over_host`), `precondition_failed`
   * when `expectedRevision` differs, `invalid_request`/`bad_alias` for a name that could be a version number, `invalid_request`/`bad_canary` for a guard
   * whose stable version has no share, or all of it.
   */
  async put(
    name: string,
    aliasName: string,
    input: PutAlias,
    expectedRevision: number | undefined,
    actor: Actor,
  ): Promise<AliasRecord> {
    const { directory, lock, secrets, reservations } = this.#options;
    if (/^[0-9]+$/.test(aliasName)) {
      throw new PlatformError(
        'invalid_request',
        'bad_alias',
        'an alias needs at least one letter: numbers are versions',
      );
    }
    return lock.run(async () => {
      const entry = directory.get(name);
      const versions = input.versions.map(({ version, weight }) => ({ version, weight: weight ?? 1 }));
      const configs = versions.map(({ version }) => versionOf(entry, version).config);
      for (const config of configs) secrets.refuseMissing(name, config);
      if (aliasName === 'live') reservations.refuseOverbooking(entry.record.id, configs);
      if (new Set(versions.map(({ version }) => version)).size < versions.length) {
        throw new PlatformError('invalid_request', 'bad_alias', 'a version is given twice; give its share once');
      }
      const canary = input.canary === undefined ? undefined : guardOf(canaryGuardSchema.parse(input.canary), versions);
      const message = input.message?.trim() ?? '';
      const detail = { ...(canary === undefined ? {} : { canary }), ...(message === '' ? {} : { message }) };
      const record = { functionId: entry.record.id, name: aliasName, versions, ...detail };
      const kind = kindOfMove(entry.aliases.get(aliasName)?.versions ?? [], versions);
      return this.#move(entry, record, expectedRevision, { actor, action: 'alias.put', kind, reason: message, detail });
    });
  }

  /**
   * Gives all traffic of an alias back to its stable version, in the name of the platform. Does nothing when the alias was moved or deleted since
   * `seen` was read.
   */
  async abortCanary(name: string, seen: AliasRecord, { version, stable, reason }: CanaryFault): Promise<void> {
    const { directory, lock, clock } = this.#options;
    await lock.run(async () => {
      const entry = directory.find(name);
      const present = entry?.aliases.get(seen.name);
      if (entry === undefined || present?.revision !== seen.revision || present.functionId !== seen.functionId) return;
      const versions = [{ version: stable, weight: 1 }];
      const aborted = { at: clock.now(), reason };
      const actor = { id: 'canary-guard', name: 'canary guard', address: '', project: projectOf(name) };
      const { functionId, name: alias } = seen;
      const record = { functionId, name: alias, versions, aborted };
      const abort = { functionId, alias, version, stable, ...aborted };
      const told = { actor, action: 'alias.abort', kind: 'abort', reason, detail: { reason }, abort } as const;
      await this.#move(entry, record, seen.revision, told);
    });
  }

  /** Canaries that the platform took back, the newest first; none of functions that are gone. Throws `not_found`/`function_not_found`. */
  async canaryAborts(
    asked: CanaryAbortsAsked,
  ): Promise<readonly (CanaryAbortRecord & { readonly functionName: string })[]> {
    const { store, directory } = this.#options;
    const { functionName, project, from, to, limit } = asked;
    const functionId = functionName === undefined ? undefined : directory.get(functionName).record.id;
    const records = await store.canaryAborts.list({ functionId, from, to, limit: maxAbortsRead });
    return records
      .flatMap((record) => {
        const name = directory.byId(record.functionId)?.record.name;
        return name === undefined || projectOf(name) !== project ? [] : [{ ...record, functionName: name }];
      })
      .slice(0, limit);
  }

  /** Moves of the aliases of a function, or of one of them, the newest first. Throws `not_found`/`function_not_found`. */
  moves(name: string, alias: string | undefined, page: PageRequest): ReturnType<AliasStore['moves']> {
    const { store, directory } = this.#options;
    return store.aliases.moves(directory.get(name).record.id, alias, page);
  }

  /** Stores, audits, keeps the move and applies; the lock is held. */
  async #move(
    entry: FunctionEntry,
    moved: Omit<AliasRecord, 'revision' | 'updatedAt'>,
    expectedRevision: number | undefined,
    told: AliasMove,
  ): Promise<AliasRecord> {
    const { store, directory, rollout, clock } = this.#options;
    const { id, name } = entry.record;
    const record = { ...moved, updatedAt: clock.now() };
    const alias = await store.transaction(async (tx) => {
      const stored = await tx.aliases.put(record, expectedRevision);
      const before = entry.aliases.get(moved.name)?.versions;
      const detail = { before: before ?? null, after: moved.versions, ...told.detail };
      await tx.audit.append(auditRecord(clock.now(), told.actor, told.action, `${name}/${moved.name}`, detail));
      const { kind, reason, actor } = told;
      const move = { before: before ?? [], after: moved.versions, by: actor.name, reason, at: record.updatedAt };
      await tx.aliases.noteMove({ functionId: id, alias: moved.name, kind, ...move });
      if (told.abort !== undefined) await tx.canaryAborts.add(told.abort);
      return stored;
    });
    const before = directory.referenced(id);
    const others = [...entry.aliases.values()].filter((other) => other.name !== moved.name);
    directory.apply({ record: entry.record, aliases: [...others, alias] });
    rollout.afterChange(id, before);
    return alias;
  }

  /** Deletes an alias that no route or schedule uses; else `conflict`/`alias_in_use`. `live` cannot be deleted. */
  async remove(name: string, aliasName: string, actor: Actor): Promise<void> {
    const { store, directory, rollout, lock, clock } = this.#options;
    await lock.run(async () => {
      const entry = directory.get(name);
      const { id } = entry.record;
      if (!entry.aliases.has(aliasName)) throw aliasNotFound(name, aliasName);
      if (aliasName === 'live') {
        throw new PlatformError('conflict', 'alias_in_use', 'live is the default alias; disable the function instead');
      }
      const schedules = await store.schedules.list(id);
      const user =
        entry.routes.find((route) => route.alias === aliasName)?.path ??
        schedules.find((schedule) => schedule.alias === aliasName)?.name;
      if (user !== undefined) {
        throw new PlatformError('conflict', 'alias_in_use', `${user} uses alias ${aliasName}; change that first`);
      }
      const before = entry.aliases.get(aliasName)?.versions ?? [];
      const at = clock.now();
      const move = { functionId: id, alias: aliasName, before, after: [], by: actor.name, reason: '', at };
      await store.transaction(async (tx) => {
        await tx.aliases.remove(id, aliasName);
        await tx.aliases.noteMove({ ...move, kind: 'delete' });
        await tx.audit.append(auditRecord(at, actor, 'alias.delete', `${name}/${aliasName}`, { before }));
      });
      const wasReferenced = directory.referenced(id);
      const aliases = [...entry.aliases.values()].filter((other) => other.name !== aliasName);
      directory.apply({ record: entry.record, aliases });
      rollout.afterChange(id, wasReferenced);
    });
  }
}

function guardOf(guard: CanaryGuard, versions: AliasRecord['versions']): CanaryGuard {
  if (versions.length > 1 && versions.some(({ version }) => version === guard.stable)) return guard;
  throw new PlatformError(
    'invalid_request',
    'bad_canary',
    `a canary needs the stable version ${guard.stable} and another one in \`versions\``,
  );
}

function aliasNotFound(name: string, aliasName: string): PlatformError {
  return new PlatformError('not_found', 'alias_not_found', `function ${shortNameOf(name)} has no alias ${aliasName}`);
}
