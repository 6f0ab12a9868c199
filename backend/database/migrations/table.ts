import { initialMigration } from './0001-initial.ts';
import { projectsMigration } from './0002-projects.ts';
import { usersMigration } from './0003-users.ts';
import { secretsMigration } from './0004-secrets.ts';
import { errorGroupsMigration } from './0009-error-groups.ts';
import { alertsMigration } from './0010-alerts.ts';
import { documentsMigration } from './0011-documents.ts';
import { requestsMigration } from './0012-requests.ts';
import { buildsMigration } from './0014-builds.ts';
import { canariesMigration } from './0015-canaries.ts';
import { egressRefusalsMigration } from './0017-egress-refusals.ts';
import { canaryAbortsMigration } from './0018-canary-aborts.ts';
import { appendOnlyAuditMigration } from './0019-append-only-audit.ts';
import { fewerIndexesMigration } from './0021-fewer-indexes.ts';
import { projectStatusesMigration } from './0022-project-statuses.ts';
import { testEventsMigration } from './0023-test-events.ts';
import { aliasMovesMigration } from './0024-alias-moves.ts';
import { errorVersionsMigration } from './0025-error-versions.ts';
import { logCountsMigration } from './0026-log-counts.ts';
import { scheduleRunsMigration } from './0027-schedule-runs.ts';
import { testEventKindsMigration } from './0028-test-event-kinds.ts';
import { auditFiltersMigration } from './0029-audit-filters.ts';
import type { Migration } from './migration.ts';

/** All migrations, oldest first. Add at the end; never change or remove one that was released. */
export const migrations: readonly Migration[] = [
  initialMigration,
  projectsMigration,
  usersMigration,
  secretsMigration,
  errorGroupsMigration,
  alertsMigration,
  documentsMigration,
  requestsMigration,
  canariesMigration,
  egressRefusalsMigration,
  canaryAbortsMigration,
  appendOnlyAuditMigration,
  fewerIndexesMigration,
  projectStatusesMigration,
  testEventsMigration,
  aliasMovesMigration,
  errorVersionsMigration,
  logCountsMigration,
  buildsMigration,
  scheduleRunsMigration,
  auditFiltersMigration,
  testEventKindsMigration,
];
