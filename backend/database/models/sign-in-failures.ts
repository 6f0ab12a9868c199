import { sql } from 'kysely';
import type { SignInFailureStore } from '../../core/ports/user-store.ts';
import type { SqlSession } from '../sql-session.ts';
import { deleteInSteps } from './prune.ts';

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

  prune(before: number): Promise<number> {
    return deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('sign_in_failures')
        .where(({ eb, selectFrom }) =>
          eb('key', 'in', selectFrom('sign_in_failures').select('key').where('started_at', '<', before).limit(limit)),
        )
        .executeTakeFirstOrThrow(),
    );
  }
}
