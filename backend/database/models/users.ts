import { PlatformError } from '../../../shared/errors.ts';
import type { UserId } from '../../../shared/ids.ts';
import type { UserRecord, UserStore } from '../../core/ports/user-store.ts';
import type { SqlSession } from '../sql-session.ts';
import type { UserRow } from '../tables.ts';

/** Tables `users`, `user_identities` and `user_roles`. */
export class UserModel implements UserStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async create(record: UserRecord): Promise<void> {
    await this.#session.transaction(async (tx) => {
      const row = await tx.db
        .insertInto('users')
        .values({ id: record.id, name: record.name, created_at: record.createdAt, ...changeable(record) })
        .onConflict((on) => on.column('name').doNothing())
        .returning('id')
        .executeTakeFirst();
      if (row === undefined)
        throw new PlatformError('conflict', 'user_taken', `There is a user ${record.name} already.`);
      await insertParts(tx, record);
    });
  }

  async all(): Promise<readonly UserRecord[]> {
    const { db } = this.#session;
    const [users, identities, roles] = await Promise.all([
      db.selectFrom('users').selectAll().orderBy('name').execute(),
      db.selectFrom('user_identities').selectAll().orderBy('issuer').orderBy('subject').execute(),
      db.selectFrom('user_roles').selectAll().orderBy('project').execute(),
    ]);
    const identitiesOf = Map.groupBy(identities, (row) => row.user_id);
    const rolesOf = Map.groupBy(roles, (row) => row.user_id);
    return users.map((row) => ({
      id: row.id,
      name: row.name,
      passwordHash: row.password_hash ?? undefined,
      isDisabled: row.is_disabled === 1,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      identities: (identitiesOf.get(row.id) ?? []).map(({ issuer, subject }) => ({ issuer, subject })),
      roles: (rolesOf.get(row.id) ?? []).map(({ project, role }) => ({ project, role })),
    }));
  }

  async put(record: UserRecord): Promise<void> {
    await this.#session.transaction(async (tx) => {
      await tx.db.updateTable('users').set(changeable(record)).where('id', '=', record.id).execute();
      await tx.db.deleteFrom('user_identities').where('user_id', '=', record.id).execute();
      await tx.db.deleteFrom('user_roles').where('user_id', '=', record.id).execute();
      await insertParts(tx, record);
    });
  }

  async remove(id: UserId): Promise<boolean> {
    const row = await this.#session.db.deleteFrom('users').where('id', '=', id).returning('id').executeTakeFirst();
    return row !== undefined;
  }
}

function changeable(record: UserRecord): Omit<UserRow, 'id' | 'name' | 'created_at'> {
  return {
    password_hash: record.passwordHash ?? null,
    is_disabled: record.isDisabled ? 1 : 0,
    updated_at: record.updatedAt,
  };
}

async function insertParts({ db }: SqlSession, { id, identities, roles }: UserRecord): Promise<void> {
  for (const { issuer, subject } of identities) {
    const row = await db
      .insertInto('user_identities')
      .values({ issuer, subject, user_id: id })
      .onConflict((on) => on.columns(['issuer', 'subject']).doNothing())
      .returning('user_id')
      .executeTakeFirst();
    if (row === undefined) {
      throw new PlatformError('conflict', 'identity_taken', `${subject} of ${issuer} belongs to another user already.`);
    }
  }
  if (roles.length === 0) return;
  const rows = roles.map(({ project, role }) => ({ user_id: id, project, role }));
  await db.insertInto('user_roles').values(rows).execute();
}
