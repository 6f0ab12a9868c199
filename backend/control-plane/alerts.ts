import { type AlertChannel, type CreateAlertRule, platformMetrics } from '../../shared/api/alerts.ts';
import type { AuditAction } from '../../shared/audit-actions.ts';
import { PlatformError } from '../../shared/errors.ts';
import { type AlertRuleId, newId } from '../../shared/ids.ts';
import { fullNameOf } from '../../shared/names.ts';
import { noAlert } from '../core/policies/alert-state.ts';
import type { AlertSender } from '../core/ports/alert-channel.ts';
import type { AlertDeliveryRecord, AlertRuleRecord } from '../core/ports/alert-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Store } from '../core/ports/store.ts';
import { ChangeLock } from '../util/change-lock.ts';
import { messageBody } from './alert-messages.ts';
import { type Actor, auditRecord } from './audit.ts';
import { auditedAlert, changed } from './audited.ts';
import { type ChangeListener, ChangeListeners } from './change-listeners.ts';

/** What a look saw. Not stored: the next look is never far. */
export interface AlertLookNote {
  /** Undefined: nothing happened in the window. */
  readonly value: number | undefined;
  readonly at: number;
}

export interface AlertsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly sender: Pick<AlertSender, 'objection'>;
  /** False for a name that no function has. */
  readonly hasFunction: (name: string) => boolean;
  /** What the last look at a rule saw. */
  readonly latest: (id: AlertRuleId) => AlertLookNote | undefined;
  /** What webhooks of a rule are signed with. */
  readonly signingSecret: (id: AlertRuleId) => string;
  /** There is something to send now. */
  readonly onQueued: () => void;
}

/** Which rules a caller may see and change. */
export interface AlertScope {
  /** Undefined: those of all projects. */
  readonly project: string | undefined;
  /** Those of the installation too. */
  readonly hasInstallation: boolean;
}

/** Whether the rule is one of these. */
export function isInScope(rule: Pick<AlertRuleRecord, 'project'>, { project, hasInstallation }: AlertScope): boolean {
  if (rule.project === null) return hasInstallation;
  return project === undefined || rule.project === project;
}

const maxRules = 500;
const shownDeliveries = 100;

/** Rules of alerting, their silences and what was sent. */
export class Alerts {
  readonly #options: AlertsOptions;
  readonly #lock = new ChangeLock();
  readonly #listeners = new ChangeListeners<AlertRuleRecord>();

  constructor(options: AlertsOptions) {
    this.#options = options;
  }

  /** Calls `listener`, which must not throw, after each change of a rule or of its state; returns the unsubscriber. */
  onChange(listener: ChangeListener<AlertRuleRecord>): () => void {
    return this.#listeners.add(listener);
  }

  /** A rule has changed on disk, here or where it is evaluated. */
  noteChange(rule: AlertRuleRecord, isRemoved = false): void {
    this.#listeners.tell(rule, isRemoved);
  }

  /** Oldest first. */
  async list(scope: AlertScope): Promise<readonly AlertRuleRecord[]> {
    return (await this.#options.store.alerts.rules()).filter((rule) => isInScope(rule, scope));
  }

  latest(id: AlertRuleId): AlertLookNote | undefined {
    return this.#options.latest(id);
  }

  /** Rejects with `not_found`/`alert_not_found`. */
  async get(id: string, scope: AlertScope): Promise<AlertRuleRecord> {
    const rule = (await this.list(scope)).find((record) => record.id === id);
    if (rule === undefined) throw new PlatformError('not_found', 'alert_not_found', 'there is no such alert rule');
    return rule;
  }

  /**
   * For a project, or (null) for the installation. Rejects with `invalid_request`/`platform_metric`, `not_found`/`function_not_found`,
   * `unprocessable`/`channel_unavailable`, or `conflict`/`too_many_alerts`.
   */
  create(input: CreateAlertRule, project: string | null, actor: Actor): Promise<AlertRuleRecord> {
    return this.#lock.run(async () => {
      const checked = this.#checked(input, project);
      const { store, clock } = this.#options;
      if ((await store.alerts.rules()).length >= maxRules) {
        throw new PlatformError('conflict', 'too_many_alerts', `at most ${maxRules} alert rules; delete one first`);
      }
      const now = clock.now();
      const record: AlertRuleRecord = {
        ...checked,
        project,
        id: newId('alertRule', now),
        memory: noAlert,
        silencedUntil: undefined,
        createdAt: now,
        updatedAt: now,
      };
      await store.transaction(async (tx) => {
        await tx.alerts.createRule(record);
        await tx.audit.append(auditRecord(now, actor, 'alert.create', record.id, { after: auditedAlert(record) }));
      });
      this.noteChange(record);
      return record;
    });
  }

  /** Replaces a rule. What it remembers stays, unless it watches something else now. */
  replace(id: string, input: CreateAlertRule, scope: AlertScope, actor: Actor): Promise<AlertRuleRecord> {
    return this.#change(id, scope, actor, 'alert.update', (before) => {
      const after = this.#checked(input, before.project);
      const isSame =
        before.metric === after.metric &&
        before.functionName === after.functionName &&
        before.comparison === after.comparison &&
        after.isEnabled;
      return { ...before, ...after, ...(isSame ? {} : { memory: noAlert }) };
    });
  }

  /** Nobody is told for so long; 0 ends a silence. */
  silence(id: string, durationMs: number, scope: AlertScope, actor: Actor): Promise<AlertRuleRecord> {
    return this.#change(id, scope, actor, 'alert.silence', (before) => ({
      ...before,
      silencedUntil: durationMs === 0 ? undefined : this.#options.clock.now() + durationMs,
    }));
  }

  async remove(id: string, scope: AlertScope, actor: Actor): Promise<void> {
    const { store, clock } = this.#options;
    const rule = await this.get(id, scope);
    await store.transaction(async (tx) => {
      await tx.alerts.removeRule(rule.id);
      await tx.audit.append(auditRecord(clock.now(), actor, 'alert.delete', rule.id, { before: auditedAlert(rule) }));
    });
    this.noteChange(rule, true);
  }

  /** Sends a trial message to every channel of the rule; returns what waits to be sent. Rejects with `conflict`/`no_channels`. */
  async test(id: string, scope: AlertScope): Promise<readonly AlertDeliveryRecord[]> {
    const { store, clock, onQueued } = this.#options;
    const rule = await this.get(id, scope);
    if (rule.channels.length === 0)
      throw new PlatformError(
        'conflict',
        'no_channels',
        'this rule tells nobody; give it a webhook or an address first',
      );
    const deliveries = deliveriesOf(rule, 'test', this.#options.latest(rule.id)?.value, clock.now());
    await store.transaction(async (tx) => {
      for (const delivery of deliveries) await tx.alerts.addDelivery(delivery);
    });
    onQueued();
    return deliveries;
  }

  /** The newest first. */
  async deliveries(id: string, scope: AlertScope): Promise<readonly AlertDeliveryRecord[]> {
    const rule = await this.get(id, scope);
    return await this.#options.store.alerts.deliveries(rule.id, shownDeliveries);
  }

  async signingSecret(id: string, scope: AlertScope): Promise<string> {
    return this.#options.signingSecret((await this.get(id, scope)).id);
  }

  /** With the full name of the function. */
  #checked(input: CreateAlertRule, project: string | null): CreateAlertRule {
    const { hasFunction, sender } = this.#options;
    const { metric, channels } = input;
    if (project !== null && (platformMetrics as readonly string[]).includes(metric)) {
      const message = `${metric} is about the platform; only rules of the installation may watch it, and this one belongs to ${project}`;
      throw new PlatformError('invalid_request', 'platform_metric', message);
    }
    const named = input.functionName;
    const functionName = named === null || project === null ? named : fullNameOf(project, named);
    if (functionName === undefined || (functionName !== null && !hasFunction(functionName)))
      throw new PlatformError('not_found', 'function_not_found', `there is no function "${named}"`);
    const objection = channels
      .map((channel: AlertChannel) => sender.objection(channel))
      .find((text) => text !== undefined);
    if (objection !== undefined) throw new PlatformError('unprocessable', 'channel_unavailable', objection);
    return { ...input, functionName };
  }

  #change(
    id: string,
    scope: AlertScope,
    actor: Actor,
    action: AuditAction,
    change: (before: AlertRuleRecord) => AlertRuleRecord,
  ): Promise<AlertRuleRecord> {
    return this.#lock.run(async () => {
      const { store, clock } = this.#options;
      const now = clock.now();
      const before = await this.get(id, scope);
      const after = { ...change(before), updatedAt: now };
      const detail = { name: after.name, ...changed(auditedAlert(before), auditedAlert(after)) };
      await store.transaction(async (tx) => {
        await tx.alerts.putRule(after);
        await tx.audit.append(auditRecord(now, actor, action, after.id, detail));
      });
      this.noteChange(after);
      return after;
    });
  }
}

/** One message per channel of a rule. */
export function deliveriesOf(
  rule: AlertRuleRecord,
  event: AlertDeliveryRecord['event'],
  value: number | undefined,
  now: number,
): readonly AlertDeliveryRecord[] {
  return rule.channels.map((channel) => ({
    id: newId('alertDelivery', now),
    ruleId: rule.id,
    event,
    channel,
    body: messageBody(rule, event, value, now),
    state: 'waiting',
    attempts: 0,
    createdAt: now,
    nextAttemptAt: now,
    lastError: undefined,
  }));
}
