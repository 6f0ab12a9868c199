import { createHash } from 'node:crypto';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Migration } from './migration.ts';

/**
 * Projects, and an audit trail that shows when it was tampered with. What was there before belongs to the default project
 * without a change: the full name of its functions is their name (shared/names.ts).
 */
export const projectsMigration: Migration = {
  name: '0002-projects',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    const strict = flavour.tableEnd(false);
    const run = (statement: RawBuilder<unknown>) => statement.execute(db);
    // A project that was deleted stays, so that its name, which its invocations and logs carry, is never given out again.
    await run(sql`create table projects (
      id text not null primary key,
      name text not null unique,
      description text not null,
      created_at ${integer} not null,
      deleted_at ${integer}
    ) ${strict}`);
    await run(sql`insert into projects (id, name, description, created_at)
      values ('prj_00000000000000000000000000', 'default', 'There from the start.', 0)`);
    const prefix = flavour.projectPrefix(sql.ref('function_name'));
    await run(
      sql`create index invocations_by_project on invocations (${prefix}, created_at, seq) where ${prefix} <> ''`,
    );
    await run(sql`create index logs_by_project on logs (${prefix}, seq) where ${prefix} <> ''`);

    // Null: of the installation as a whole.
    await run(sql`alter table tokens add column project text references projects (name)`);
    await run(sql`alter table audit add column project text`);
    await run(sql`alter table audit add column actor_id text not null default ''`);
    await run(sql`alter table audit add column hash text not null default ''`);
    await run(sql`create index audit_by_project on audit (project, seq)`);
    await run(sql`create table audit_head (
      id ${integer} not null primary key check (id = 1),
      entries ${integer} not null,
      hash text not null
    ) ${strict}`);
    await run(sql`update audit set project = 'default'`);
    await chainAudit(db);
  },
};

interface Entry {
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly detail: string;
  readonly address: string;
}

/** The chain of database/audit-chain.ts as it was when this migration was written; a migration never changes. */
async function chainAudit(db: Kysely<unknown>): Promise<void> {
  let hash = '';
  let entries = 0;
  let after = 0;
  for (;;) {
    const { rows } = await sql<Entry>`select seq, id, at, actor, action, target, detail, address from audit
      where seq > ${after} order by seq limit 500`.execute(db);
    if (rows.length === 0) break;
    const hashes: RawBuilder<unknown>[] = [];
    for (const row of rows) {
      const { seq, id, at, actor, action, target, detail, address } = row;
      const fields = [hash, id, at, 'default', '', actor, action, target, detail, address];
      hash = createHash('sha256').update(JSON.stringify(fields)).digest('hex');
      hashes.push(sql`(${seq}, ${hash})`);
      entries++;
      after = seq;
    }
    await sql`update audit set hash = v.column2 from (values ${sql.join(hashes)}) as v
      where audit.seq = v.column1`.execute(db);
  }
  await sql`insert into audit_head (id, entries, hash) values (1, ${entries}, ${hash})`.execute(db);
}
