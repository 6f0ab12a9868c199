import type { CreateDraft } from '../../shared/api/functions.ts';
import { draftVersion } from '../../shared/drafts.ts';
import { PlatformError } from '../../shared/errors.ts';
import { type BundleDigest, type DraftId, type FunctionId, newId } from '../../shared/ids.ts';
import { limits } from '../../shared/limits.ts';
import { shortNameOf } from '../../shared/names.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import { unwatched } from '../core/ports/build-watcher.ts';
import type { BundleSource } from '../core/ports/bundle-builder.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Resolution } from '../core/ports/function-directory.ts';
import type { InstancePool } from '../core/ports/instance-pool.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Store } from '../core/ports/store.ts';
import type { VersionSpec } from '../core/version.ts';
import type { ChangeLock } from '../util/change-lock.ts';
import { type Actor, auditRecord } from './audit.ts';
import { auditedConfig, changed } from './audited.ts';
import type { BundleGate } from './bundle-gate.ts';
import { changedMeanwhile } from './deployments.ts';
import { type FunctionEntry, functionDisabled, type InMemoryFunctionDirectory } from './function-directory.ts';
import type { HostInventory } from './host-inventory.ts';
import type { Secrets } from './secrets.ts';
import type { Code, VersionCode } from './version-code.ts';
import { resolveConfig } from './version-config.ts';

export interface DraftsOptions {
  readonly store: Pick<Store, 'audit'>;
  readonly directory: InMemoryFunctionDirectory;
  readonly code: Pick<VersionCode, 'make'>;
  readonly gate: Pick<BundleGate, 'deploy' | 'requestPrune'>;
  readonly inventory: Pick<HostInventory, 'check' | 'defaultIsolation'>;
  readonly secrets: Pick<Secrets, 'refuseMissing'>;
  readonly pool: Pick<InstancePool, 'retireVersion'>;
  readonly lock: ChangeLock;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A draft that is not called for so long is removed. */
  readonly idleMs: number;
}

/** Code and configuration that are tried before they are deployed. */
export interface Draft {
  readonly id: DraftId;
  /** What instances run; its `version` is `draftVersion`. */
  readonly spec: VersionSpec;
  readonly config: VersionConfig;
  readonly sizeBytes: number;
  readonly fileCount: number;
  readonly createdAt: number;
  readonly createdBy: string;
  /** When it is removed unless it is called before. */
  readonly expiresAt: number;
}

interface Held {
  draft: Draft;
  cancelExpiry: () => void;
}

/**
 * Drafts of functions: built, checked and run like versions, but without a number, an alias or traffic. They are held in memory alone (ADR 19), so that
 * none outlives the platform; each goes when it was not called for a while, when newer ones take its place, or with its function.
 */
export class Drafts {
  readonly #options: DraftsOptions;
  /** Of each function in order of use, that which was not called for longest first. */
  readonly #held = new Map<FunctionId, Map<string, Held>>();

  constructor(options: DraftsOptions) {
    this.#options = options;
    // Its instances and bundles go with those of its versions.
    options.directory.onChange(({ record }, isRemoved) => {
      if (isRemoved) this.#forget(record.id);
    });
  }

  /**
   * Makes a draft. What is left out is taken from the latest version, as for a new version. Rejects with `not_found`/`function_not_found`,
   * `invalid_request` (`code_missing`, `draft_of_image`, …), `unprocessable` (what the host cannot run, `build_failed` with detail {buildLog}), and
   * `conflict`/`changed_meanwhile`.
   */
  async create(
    name: string,
    input: CreateDraft,
    source: BundleSource | undefined,
    { actor, signal }: { readonly actor: Actor; readonly signal: AbortSignal },
  ): Promise<{ readonly draft: Draft; readonly buildLog: readonly string[] }> {
    const { directory, inventory, secrets, gate, lock, code } = this.#options;
    const before = directory.get(name);
    const latest = before.versions.get(before.record.latestVersion);
    const { config, chosen } = resolveConfig(input, latest?.config, inventory.defaultIsolation);
    if (config.image !== null) throw draftOfImage();
    secrets.refuseMissing(name, config);
    const warnings = await inventory.check(config, chosen);
    return gate.deploy(async () => {
      const { log, ...made } = await code.make(name, { source, latest, config }, unwatched, signal);
      return lock.run(async () => {
        const entry = directory.get(name);
        if (entry.record.id !== before.record.id) throw changedMeanwhile(name);
        secrets.refuseMissing(name, config);
        const draft = this.#draft(entry, made, actor);
        await this.#note(entry, draft, actor);
        this.#hold(draft);
        return { draft, buildLog: [...log, ...warnings] };
      });
    });
  }

  /** Newest first. Throws `not_found`/`function_not_found`. */
  list(name: string): readonly Draft[] {
    const { record } = this.#options.directory.get(name);
    const held = [...(this.#held.get(record.id)?.values() ?? [])];
    return held.map(({ draft }) => draft).sort((a, b) => b.createdAt - a.createdAt);
  }

  /** What a call of a draft goes to; calling it keeps it. Throws `not_found` (`function_not_found`, `draft_not_found`) or `unavailable`/`function_disabled`. */
  resolve(name: string, id: string): Resolution {
    const { record } = this.#options.directory.get(name);
    const held = this.#get(record.id, name, id);
    if (!record.isEnabled) throw functionDisabled(name);
    const ofFunction = this.#held.get(record.id);
    ofFunction?.delete(id);
    ofFunction?.set(id, held);
    this.#keep(held);
    return { version: held.draft.spec, qualifier: id };
  }

  /** The largest payload that a call of this draft may have, bytes. */
  maxRequestBytes(name: string, id: string): number | undefined {
    const entry = this.#options.directory.find(name);
    const held = entry && this.#held.get(entry.record.id)?.get(id);
    return held?.draft.config.maxRequestBytes;
  }

  /** Rejects with `not_found` (`function_not_found`, `draft_not_found`). Calls that run go on to their end. */
  async remove(name: string, id: string, actor: Actor): Promise<void> {
    const { store, directory, clock } = this.#options;
    const { record } = directory.get(name);
    const held = this.#get(record.id, name, id);
    const detail = { draft: id, before: { digest: held.draft.spec.digest } };
    await store.audit.append(auditRecord(clock.now(), actor, 'draft.delete', name, detail));
    this.#end(held, 'it was deleted');
  }

  /** Bundles that drafts run, which nothing else may name. */
  digests(): ReadonlySet<BundleDigest> {
    const held = [...this.#held.values()].flatMap((ofFunction) => [...ofFunction.values()]);
    return new Set(held.map(({ draft }) => draft.spec.digest));
  }

  /** No more removals: the platform ends, and all drafts with it. */
  close(): void {
    for (const id of [...this.#held.keys()]) this.#forget(id);
  }

  #draft({ record }: FunctionEntry, { bundle, config }: Code, actor: Actor): Draft {
    const now = this.#options.clock.now();
    const { digest, sizeBytes, fileCount } = bundle;
    return {
      id: newId('draft', now),
      spec: {
        versionId: newId('version', now),
        functionId: record.id,
        functionName: record.name,
        version: draftVersion,
        digest,
        // A platform that is killed would leave copies of its memory on disk, which nobody asks for any more.
        config: { ...config, snapshots: false },
      },
      config,
      sizeBytes,
      fileCount,
      createdAt: now,
      createdBy: actor.name,
      expiresAt: now + this.#options.idleMs,
    };
  }

  /** Says in the audit trail what is to be tried, and how it differs from the latest version. */
  async #note({ record, versions }: FunctionEntry, { id, spec, config }: Draft, actor: Actor): Promise<void> {
    const { store, clock } = this.#options;
    const described = (of: { digest: BundleDigest; config: VersionConfig }) => ({
      digest: of.digest,
      config: auditedConfig(of.config),
    });
    const latest = versions.get(record.latestVersion);
    const after = described({ digest: spec.digest, config });
    const difference = latest === undefined ? { before: {}, after } : changed(described(latest), after);
    const detail = { draft: id, ...difference };
    await store.audit.append(auditRecord(clock.now(), actor, 'draft.create', record.name, detail));
  }

  #hold(draft: Draft): void {
    const { functionId } = draft.spec;
    const ofFunction = this.#held.get(functionId) ?? new Map<string, Held>();
    this.#held.set(functionId, ofFunction);
    const held: Held = { draft, cancelExpiry: () => undefined };
    ofFunction.set(draft.id, held);
    this.#keep(held);
    for (const oldest of ofFunction.values()) {
      if (ofFunction.size <= limits.maxDraftsPerFunction) break;
      this.#end(oldest, 'newer ones took its place');
    }
  }

  /** Its time begins anew. */
  #keep(held: Held): void {
    const { clock, idleMs } = this.#options;
    held.cancelExpiry();
    held.draft = { ...held.draft, expiresAt: clock.now() + idleMs };
    held.cancelExpiry = clock.after(idleMs, () => this.#end(held, 'it was not called any more'));
  }

  /** From now on it cannot be called; its instances end when their calls have, then its bundle goes. */
  #end(held: Held, why: string): void {
    const { pool, gate, logger } = this.#options;
    const { id, spec } = held.draft;
    held.cancelExpiry();
    const ofFunction = this.#held.get(spec.functionId);
    ofFunction?.delete(id);
    if (ofFunction?.size === 0) this.#held.delete(spec.functionId);
    void pool
      .retireVersion(spec.versionId, `a draft of ${spec.functionName}: ${why}`)
      .catch((error: unknown) => logger.error({ err: error, draft: id }, 'could not retire a draft'))
      .finally(() => gate.requestPrune());
  }

  #forget(id: FunctionId): void {
    for (const held of this.#held.get(id)?.values() ?? []) held.cancelExpiry();
    this.#held.delete(id);
  }

  #get(functionId: FunctionId, name: string, id: string): Held {
    const held = this.#held.get(functionId)?.get(id);
    if (held !== undefined) return held;
    const shown = JSON.stringify(id.slice(0, 64));
    const message = `function ${shortNameOf(name)} has no draft ${shown}; drafts go when they are not called for a while, when newer ones take their place, and when the platform starts. Make it again`;
    throw new PlatformError('not_found', 'draft_not_found', message);
  }
}

function draftOfImage(): PlatformError {
  const message =
    'a container image has no code to try before it is deployed; deploy it with `promote: false`, and call that version by its number';
  return new PlatformError('invalid_request', 'draft_of_image', message, {
    issues: [{ path: 'image', message: 'not for drafts' }],
  });
}
