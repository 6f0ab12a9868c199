import type { DocumentStore } from '../../core/ports/document-store.ts';
import type { SqlSession } from '../sql-session.ts';

/** Table `documents`. */
export class DocumentModel implements DocumentStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async get(name: string): Promise<string | undefined> {
    const row = await this.#session.db
      .selectFrom('documents')
      .select('body')
      .where('name', '=', name)
      .executeTakeFirst();
    return row?.body;
  }

  async put(name: string, body: string): Promise<void> {
    await this.#session.db
      .insertInto('documents')
      .values({ name, body })
      .onConflict((on) => on.column('name').doUpdateSet({ body }))
      .execute();
  }
}
