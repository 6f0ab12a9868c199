import { sql } from 'kysely';
import type { FailureWindow, SignInFailureStore } from '../../core/ports/user-store.ts';
import type { SqlSession } from '../sql-session.ts';
import { template } from '../template.ts';
import { deleteInSteps } from './prune.ts';

const putWindow = template<{ key: string; failures: number; started_at: number }>((db, slot) =>
  db
    .insertInto('sign_in_failures')
    .values({ key: slot.key, failures: slot.failures, started_at: slot.started_at })
    .onConflict((on) =>
      on.column('key').doUpdateSet((eb) => ({
        failures: eb.ref('excluded.failures'),
        started_at: eb.ref('excluded.started_at'),
      })),
    ),
);

/** The first text behind all that begin with `prefix`. */
const behind = (prefix: string): string =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);

/** Table `sign_in_failures`. */
export class SignInFailureModel implements SignInFailureStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async note(key: string, now: number, windowMs: number) {
    const isOver = sql<boolean>`sign_in_failures.started_at <= ${now - windowMs}`;
    const row = await this.#session.db
      .insertInto('sign_in_failures')
      .values({ key, failures: 1, started_at: now })
      .onConflict((on) =>
        on.column('key').doUpdateSet({
          failures: sql<number>`case when ${isOver} then 1 else sign_in_failures.failures + 1 end`,
          started_at: sql<number>`case when ${isOver} then ${now} else sign_in_failures.started_at end`,
        }),
      )
      .returning(['failures', 'started_at'])
      .executeTakeFirstOrThrow();
    return { failures: row.failures, startedAt: row.started_at };
  }

  async forgive(key: string): Promise<void> {
    await this.#session.db
      .updateTable('sign_in_failures')
      .set({ failures: sql`failures - 1` })
      .where('key', '=', key)
      .where('failures', '>', 0)
      .execute();
  }

  async clear(key: string): Promise<void> {
    await this.#session.db.deleteFrom('sign_in_failures').where('key', '=', key).execute();
  }

  async put(windows: readonly FailureWindow[]): Promise<void> {
    if (windows.length === 0) return;
    await this.#session.write(
      windows.map(({ key, failures, startedAt }) =>
        this.#session.step(putWindow, { key, failures, started_at: startedAt }),
      ),
    );
  }

  async list(prefix: string, since: number, limit: number): Promise<readonly FailureWindow[]> {
    const rows = await this.#session.db
      .selectFrom('sign_in_failures')
      .selectAll()
      .where('started_at', '>=', since)
      .where('key', '>=', prefix)
      .where('key', '<', behind(prefix))
      .orderBy('started_at', 'desc')
      .limit(limit)
      .execute();
    return rows.map((row) => ({ key: row.key, failures: row.failures, startedAt: row.started_at }));
  }

  prune(before: number, prefix?: string): Promise<number> {
    const { db } = this.#session;
    return deleteInSteps((limit) => {
      let old = db.selectFrom('sign_in_failures').select('key').where('started_at', '<', before).limit(limit);
      if (prefix !== undefined) old = old.where('key', '>=', prefix).where('key', '<', behind(prefix));
      return db.deleteFrom('sign_in_failures').where('key', 'in', old).executeTakeFirstOrThrow();
    });
  }
}
