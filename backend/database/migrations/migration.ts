import type { Kysely } from 'kysely';
import type { SqlFlavour } from '../sql-session.ts';

/** One step of the schema, forward only. `name` is what a database remembers, so it never changes after a release. */
export interface Migration {
  readonly name: string;
  readonly up: (db: Kysely<unknown>, flavour: SqlFlavour) => Promise<void>;
}
