/**
 * Every action of the audit trail: what it is about, a dot, what was done. One that is not used any more stays on the list, as its entries stay
 * in the trail.
 */
export const auditActions = [
  'alert.create',
  'alert.delete',
  'alert.silence',
  'alert.update',
  'alias.abort',
  'alias.delete',
  'alias.put',
  'backup.create',
  'build.cancel',
  'dead-letter.delete',
  'dead-letter.redrive',
  'draft.create',
  'draft.delete',
  'driver.measure',
  'error-group.update',
  'function.create',
  'function.delete',
  'function.update',
  'guest.build',
  'image.build',
  'invocation.cancel',
  'invocation.replay',
  'member.delete',
  'member.put',
  'prices.update',
  'project.create',
  'project.delete',
  'project.update',
  'schedule.run',
  'schedule.update',
  'secret.delete',
  'secret.put',
  'secrets-key.rotate',
  'session.create',
  'session.delete',
  'session.throttled',
  'test-event.delete',
  'test-event.put',
  'token.create',
  'token.delete',
  'user.create',
  'user.delete',
  'user.password',
  'user.update',
  'version.create',
] as const;
export type AuditAction = (typeof auditActions)[number];

/** What entries are about: the first words of actions, each once. */
export const auditResources: readonly [string, ...string[]] = [
  ...new Set(auditActions.map((action) => action.slice(0, action.indexOf('.')))),
] as [string, ...string[]];

/** Entries of what was refused; all others are of what was done. */
export const refusedAuditActions: readonly AuditAction[] = ['session.throttled'];

export const auditOutcomes = ['done', 'refused'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/** Whether it was done, by the action of an entry. */
export const auditOutcomeOf = (action: string): AuditOutcome =>
  refusedAuditActions.some((refused) => refused === action) ? 'refused' : 'done';
