import type { Migration } from './migration.ts';

/** Entries of the audit trail are added and never changed or removed: the database itself refuses both, whatever part of the platform asks. */
export const appendOnlyAuditMigration: Migration = {
  name: '0019-append-only-audit',
  async up(db, flavour) {
    for (const statement of flavour.appendOnly('audit')) await statement.execute(db);
  },
};
