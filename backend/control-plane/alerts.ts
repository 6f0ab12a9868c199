import type { AlertChannel, CreateAlertRule } from '../../shared/api/alerts.ts';
import { PlatformError } from '../../shared/errors.ts';
import { type AlertRuleId, newId } from '../../shared/ids.ts';
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
  list(): Promise<readonly AlertRuleRecord[]> {
    return this.#options.store.alerts.rules();
  }

  latest(id: AlertRuleId): AlertLookNote | undefined {
    return this.#options.latest(id);
  }

  /** Rejects with `not_found`/`alert_not_found`. */
  async get(id: string): Promise<AlertRuleRecord> {
    const rule = (await this.list()).find((record) => record.id === id);
    if (rule === undefined) throw new PlatformError('not_found', 'alert_not_found', 'there is no such alert rule');
    return rule;
  }

  /** Rejects with `not_found`/`function_not_found`, `unprocessable`/`channel_unavailable`, or `conflict`/`too_many_alerts`. */
  create(input: CreateAlertRule, actor: Actor): Promise<AlertRuleRecord> {
    return this.#lock.run(async () => {
      this.#check(input);
      const { store, clock } = this.#options;
      if ((await this.list()).length >= maxRules) {
        throw new PlatformError('conflict', 'too_many_alerts', `at most ${maxRules} alert rules; delete one first`);
      }
      const now = clock.now();
      const record: AlertRuleRecord = {
        ...input,
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
  replace(id: string, input: CreateAlertRule, actor: Actor): Promise<AlertRuleRecord> {
    this.#check(input);
    return this.#change(id, actor, 'alert.update', (before) => {
      const isSame =
        before.metric === input.metric &&
        before.functionName === input.functionName &&
        before.comparison === input.comparison &&
        input.isEnabled;
      return { ...before, ...input, ...(isSame ? {} : { memory: noAlert }) };
    });
  }

  /** Nobody is told for so long; 0 ends a silence. */
  silence(id: string, durationMs: number, actor: Actor): Promise<AlertRuleRecord> {
    return this.#change(id, actor, 'alert.silence', (before) => ({
      ...before,
      silencedUntil: durationMs === 0 ? undefined : this.#options.clock.now() + durationMs,
    }));
  }

  async remove(id: string, actor: Actor): Promise<void> {
    const { store, clock } = this.#options;
    const rule = await this.get(id);
    await store.transaction(async (tx) => {
      await tx.alerts.removeRule(rule.id);
      await tx.audit.append(auditRecord(clock.now(), actor, 'alert.delete', rule.id, { before: auditedAlert(rule) }));
    });
    this.noteChange(rule, true);
  }

  /** Sends a trial message to every channel of the rule; returns what waits to be sent. Rejects with `conflict`/`no_channels`. */
  async test(id: string): Promise<readonly AlertDeliveryRecord[]> {
    const { store, clock, onQueued } = this.#options;
    const rule = await this.get(id);
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
  async deliveries(id: string): Promise<readonly AlertDeliveryRecord[]> {
    const rule = await this.get(id);
    return await this.#options.store.alerts.deliveries(rule.id, shownDeliveries);
  }

  async signingSecret(id: string): Promise<string> {
    return this.#options.signingSecret((await this.get(id)).id);
  }

  #check({ functionName, channels }: CreateAlertRule): void {
    const { hasFunction, sender } = this.#options;
    if (functionName !== null && !hasFunction(functionName))
      throw new PlatformError('not_found', 'function_not_found', `there is no function "${functionName}"`);
    const objection = channels
      .map((channel: AlertChannel) => sender.objection(channel))
      .find((text) => text !== undefined);
    if (objection !== undefined) throw new PlatformError('unprocessable', 'channel_unavailable', objection);
  }

  #change(
    id: string,
    actor: Actor,
    action: string,
    change: (before: AlertRuleRecord) => AlertRuleRecord,
  ): Promise<AlertRuleRecord> {
    return this.#lock.run(async () => {
      const { store, clock } = this.#options;
      const now = clock.now();
      const before = await this.get(id);
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
