import type { AuditEntry } from '../../shared/api/system.ts';
import { csvOf } from './csv.ts';

/** The audit trail as a table for spreadsheets, from one JSON object a line, as the platform exports it. */
export function auditCsv(lines: string): string {
  const entries = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEntry);
  const head = ['at', 'actor', 'action', 'target', 'outcome', 'project', 'address', 'detail', 'id', 'hash'];
  const rows = entries.map(({ at, actor, action, target, outcome, project, address, detail, id, hash }) => [
    ...[at, actor, action, target, outcome, project, address],
    ...[JSON.stringify(detail), id, hash],
  ]);
  return csvOf([head, ...rows]);
}
