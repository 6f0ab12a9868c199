import { type RawBuilder, sql } from 'kysely';
import type { Migration } from './migration.ts';

/** People: users with their roles and identities, sessions, and failed sign-ins. */
export const usersMigration: Migration = {
  name: '0003-users',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    const strict = flavour.tableEnd(false);
    const clustered = flavour.tableEnd(true);
    const run = (statement: RawBuilder<unknown>) => statement.execute(db);
    await run(sql`create table users (
      id text not null primary key,
      name text not null unique,
      password_hash text,
      is_disabled ${integer} not null check (is_disabled in (0, 1)),
      created_at ${integer} not null,
      updated_at ${integer} not null
    ) ${strict}`);
    await run(sql`create table user_identities (
      issuer text not null,
      subject text not null,
      user_id text not null references users (id) on delete cascade,
      primary key (issuer, subject)
    ) ${clustered}`);
    await run(sql`create index user_identities_by_user on user_identities (user_id)`);
    // Project '*': all of them, those to come included.
    await run(sql`create table user_roles (
      user_id text not null references users (id) on delete cascade,
      project text not null,
      role text not null check (role in ('viewer', 'operator', 'developer', 'owner')),
      primary key (user_id, project)
    ) ${clustered}`);
    await run(sql`create index user_roles_by_project on user_roles (project)`);
    await run(sql`create table sessions (
      id text not null primary key,
      user_id text not null references users (id) on delete cascade,
      hash text not null unique check (length(hash) = 64),
      created_at ${integer} not null,
      expires_at ${integer} not null,
      address text not null
    ) ${strict}`);
    await run(sql`create index sessions_by_user on sessions (user_id)`);
    await run(sql`create index sessions_by_end on sessions (expires_at)`);
    await run(sql`create table sign_in_failures (
      key text not null primary key,
      failures ${integer} not null,
      started_at ${integer} not null
    ) ${clustered}`);
    await run(sql`create index sign_in_failures_by_time on sign_in_failures (started_at)`);
  },
};
