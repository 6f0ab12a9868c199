import { PlatformError } from '../../shared/errors.ts';
import { type TestEventVisibility, testEventLimits } from '../../shared/test-events.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Store } from '../core/ports/store.ts';
import type { TestEventContent, TestEventKey, TestEventRecord } from '../core/ports/test-events.ts';
import type { ChangeLock } from '../util/change-lock.ts';
import { type Actor, auditRecord } from './audit.ts';
import type { InMemoryFunctionDirectory } from './function-directory.ts';

export interface TestEventsOptions {
  readonly store: Store;
  readonly directory: InMemoryFunctionDirectory;
  readonly lock: ChangeLock;
  readonly clock: Clock;
}

/** One event, as the caller names it. */
export interface TestEventName {
  /** Full name. */
  readonly functionName: string;
  readonly visibility: TestEventVisibility;
  readonly name: string;
}

/**
 * Events that people keep to call a function with them again. A private one is under the id of its owner, and a caller reaches
 * none but its own: there is no way to name somebody else's. What is in them never comes into the audit trail.
 */
export class TestEvents {
  readonly #options: TestEventsOptions;

  constructor(options: TestEventsOptions) {
    this.#options = options;
  }

  /** What the caller sees. Rejects with `not_found`/`function_not_found`. */
  async list(functionName: string, caller: Pick<Actor, 'id'>): Promise<readonly TestEventRecord[]> {
    const { store, directory } = this.#options;
    return store.testEvents.list(directory.get(functionName).record.id, caller.id);
  }

  /** As it was saved. Rejects with `not_found` (`function_not_found`, `test_event_not_found`). */
  async content(named: TestEventName, caller: Pick<Actor, 'id'>): Promise<TestEventContent> {
    const content = await this.#options.store.testEvents.content(this.#keyOf(named, caller));
    if (content === undefined) throw notFound(named);
    return content;
  }

  /**
   * Saves an event, over the one of that name if there is one. `body` is what its kind says, within `testEventLimits.maxBytes`; the route saw to that.
   * Rejects with `not_found`/`function_not_found`, or `conflict`/`too_many_test_events`.
   */
  async put(named: TestEventName, { kind, body }: TestEventContent, actor: Actor): Promise<TestEventRecord> {
    const { store, lock, clock } = this.#options;
    return lock.run(async () => {
      const key = this.#keyOf(named, actor);
      const now = clock.now();
      return store.transaction(async (tx) => {
        const listed = await tx.testEvents.list(key.functionId, actor.id);
        const before = listed.find((record) => isOf(key, record));
        if (before === undefined) refuseTooMany(named.visibility, listed);
        const times = { createdAt: before?.createdAt ?? now, updatedAt: now };
        const record: TestEventRecord = { ...key, kind, sizeBytes: body.length, ...times, updatedBy: actor.name };
        await tx.testEvents.put(record, body);
        const detail = { before: audited(before), after: audited(record) };
        await tx.audit.append(auditRecord(now, actor, 'test-event.put', targetOf(named), detail));
        return record;
      });
    });
  }

  /** Rejects with `not_found` (`function_not_found`, `test_event_not_found`). */
  async remove(named: TestEventName, actor: Actor): Promise<void> {
    const { store, lock, clock } = this.#options;
    await lock.run(async () => {
      const key = this.#keyOf(named, actor);
      await store.transaction(async (tx) => {
        const before = (await tx.testEvents.list(key.functionId, actor.id)).find((record) => isOf(key, record));
        if (before === undefined) throw notFound(named);
        await tx.testEvents.remove(key);
        const detail = { before: audited(before) };
        await tx.audit.append(auditRecord(clock.now(), actor, 'test-event.delete', targetOf(named), detail));
      });
    });
  }

  #keyOf({ functionName, visibility, name }: TestEventName, { id }: Pick<Actor, 'id'>): TestEventKey {
    const functionId = this.#options.directory.get(functionName).record.id;
    return { functionId, owner: visibility === 'shared' ? undefined : id, name };
  }
}

const isOf = (key: TestEventKey, { owner, name }: TestEventKey): boolean => owner === key.owner && name === key.name;

const targetOf = ({ functionName, visibility, name }: TestEventName): string => `${functionName}/${visibility}/${name}`;

const audited = (record: TestEventRecord | undefined) =>
  record === undefined ? null : { kind: record.kind, sizeBytes: record.sizeBytes, updatedBy: record.updatedBy };

function refuseTooMany(visibility: TestEventVisibility, listed: readonly TestEventRecord[]): void {
  const isShared = visibility === 'shared';
  const count = listed.filter(({ owner }) => (owner === undefined) === isShared).length;
  const most = isShared ? testEventLimits.maxShared : testEventLimits.maxPrivate;
  if (count < most) return;
  const message = `a function has at most ${most} ${isShared ? 'shared test events' : 'test events of one user or token'}; delete one first`;
  throw new PlatformError('conflict', 'too_many_test_events', message);
}

function notFound({ visibility, name }: TestEventName): PlatformError {
  const message = `there is no ${visibility} test event ${JSON.stringify(name)} of this function`;
  return new PlatformError('not_found', 'test_event_not_found', message);
}
