import type { AlertChannel, CreateAlertRule } from '../../../shared/api/alerts.ts';
import type { AlertDeliveryId, AlertRuleId } from '../../../shared/ids.ts';
import type { AlertMemory } from '../policies/alert-state.ts';

export interface AlertRuleRecord extends CreateAlertRule {
  readonly id: AlertRuleId;
  /** Null: it belongs to the installation. */
  readonly project: string | null;
  /** Full, also in a rule of a project. */
  readonly functionName: string | null;
  readonly memory: AlertMemory;
  readonly silencedUntil: number | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A message on its way to one channel. Kept until it is delivered or given up, so a restart loses none. */
export interface AlertDeliveryRecord {
  readonly id: AlertDeliveryId;
  readonly ruleId: AlertRuleId;
  readonly event: 'firing' | 'resolved' | 'test';
  readonly channel: AlertChannel;
  /** What is sent, JSON text. */
  readonly body: string;
  readonly state: 'waiting' | 'delivered' | 'failed';
  readonly attempts: number;
  readonly createdAt: number;
  readonly nextAttemptAt: number | undefined;
  readonly lastError: string | undefined;
}

export interface AlertStore {
  createRule(record: AlertRuleRecord): Promise<void>;
  /** Oldest first. */
  rules(): Promise<readonly AlertRuleRecord[]>;
  /** Replaces what is there; false when the rule is gone. */
  putRule(record: AlertRuleRecord): Promise<boolean>;
  /** What a look changed; a rule that is gone is left alone. */
  noteMemory(id: AlertRuleId, memory: AlertMemory): Promise<void>;
  /** With its deliveries; false when it is gone. */
  removeRule(id: AlertRuleId): Promise<boolean>;
  addDelivery(record: AlertDeliveryRecord): Promise<void>;
  /** Those that may be sent now, oldest first, at most `limit`. */
  dueDeliveries(now: number, limit: number): Promise<readonly AlertDeliveryRecord[]>;
  /** When the next waiting one may be sent; undefined when none waits. */
  nextDueAt(): Promise<number | undefined>;
  /** The newest of a rule first. */
  deliveries(ruleId: AlertRuleId, limit: number): Promise<readonly AlertDeliveryRecord[]>;
  noteDelivery(
    id: AlertDeliveryId,
    change: Pick<AlertDeliveryRecord, 'state' | 'attempts' | 'nextAttemptAt' | 'lastError'>,
  ): Promise<void>;
  /** Deletes deliveries that are over and older than this; returns how many. */
  pruneDeliveries(before: number): Promise<number>;
}
