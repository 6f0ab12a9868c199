import type { AlertDeliveryId, AlertRuleId } from '../../../shared/ids.ts';
import type { AlertMemory } from '../../core/policies/alert-state.ts';
import type { AlertDeliveryRecord, AlertRuleRecord, AlertStore } from '../../core/ports/alert-store.ts';
import type { AlertDeliveryRow, AlertRuleRow } from '../alert-tables.ts';
import { fromJson } from '../columns.ts';
import type { SqlSession } from '../sql-session.ts';

/** Tables `alert_rules` and `alert_deliveries`. */
export class AlertModel implements AlertStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async createRule(record: AlertRuleRecord): Promise<void> {
    await this.#session.db.insertInto('alert_rules').values(toRuleRow(record)).execute();
  }

  async rules(): Promise<readonly AlertRuleRecord[]> {
    const rows = await this.#session.db
      .selectFrom('alert_rules')
      .selectAll()
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    return rows.map(toRule);
  }

  async putRule(record: AlertRuleRecord): Promise<boolean> {
    const { id, ...row } = toRuleRow(record);
    const found = await this.#session.db
      .updateTable('alert_rules')
      .set(row)
      .where('id', '=', id)
      .returning('id')
      .executeTakeFirst();
    return found !== undefined;
  }

  async noteMemory(id: AlertRuleId, memory: AlertMemory): Promise<void> {
    await this.#session.db
      .updateTable('alert_rules')
      .set({ memory: JSON.stringify(memory) })
      .where('id', '=', id)
      .execute();
  }

  async removeRule(id: AlertRuleId): Promise<boolean> {
    const row = await this.#session.db
      .deleteFrom('alert_rules')
      .where('id', '=', id)
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  }

  async addDelivery(record: AlertDeliveryRecord): Promise<void> {
    await this.#session.db.insertInto('alert_deliveries').values(toDeliveryRow(record)).execute();
  }

  async dueDeliveries(now: number, limit: number): Promise<readonly AlertDeliveryRecord[]> {
    const rows = await this.#session.db
      .selectFrom('alert_deliveries')
      .selectAll()
      .where('state', '=', 'waiting')
      .where('next_attempt_at', '<=', now)
      .orderBy('next_attempt_at')
      .limit(limit)
      .execute();
    return rows.map(toDelivery);
  }

  async nextDueAt(): Promise<number | undefined> {
    const row = await this.#session.db
      .selectFrom('alert_deliveries')
      .select('next_attempt_at')
      .where('state', '=', 'waiting')
      .orderBy('next_attempt_at')
      .limit(1)
      .executeTakeFirst();
    return row?.next_attempt_at ?? undefined;
  }

  async deliveries(ruleId: AlertRuleId, limit: number): Promise<readonly AlertDeliveryRecord[]> {
    const rows = await this.#session.db
      .selectFrom('alert_deliveries')
      .selectAll()
      .where('rule_id', '=', ruleId)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute();
    return rows.map(toDelivery);
  }

  async noteDelivery(
    id: AlertDeliveryId,
    change: Pick<AlertDeliveryRecord, 'state' | 'attempts' | 'nextAttemptAt' | 'lastError'>,
  ): Promise<void> {
    await this.#session.db
      .updateTable('alert_deliveries')
      .set({
        state: change.state,
        attempts: change.attempts,
        next_attempt_at: change.nextAttemptAt ?? null,
        last_error: change.lastError ?? null,
      })
      .where('id', '=', id)
      .execute();
  }

  async pruneDeliveries(before: number): Promise<number> {
    const rows = await this.#session.db
      .deleteFrom('alert_deliveries')
      .where('state', '!=', 'waiting')
      .where('created_at', '<', before)
      .returning('id')
      .execute();
    return rows.length;
  }
}

function toRuleRow(record: AlertRuleRecord): AlertRuleRow {
  const { id, memory, silencedUntil, createdAt, updatedAt, ...config } = record;
  return {
    id,
    config: JSON.stringify(config),
    memory: JSON.stringify(memory),
    silenced_until: silencedUntil ?? null,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}

type RuleConfig = Omit<AlertRuleRecord, 'id' | 'project' | 'memory' | 'silencedUntil' | 'createdAt' | 'updatedAt'> &
  Partial<Pick<AlertRuleRecord, 'project'>>;

function toRule(row: AlertRuleRow): AlertRuleRecord {
  return {
    // Rules from before there were any of projects belong to the installation.
    project: null,
    ...fromJson<RuleConfig>(row.config),
    id: row.id,
    memory: fromJson(row.memory),
    silencedUntil: row.silenced_until ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function toDeliveryRow(record: AlertDeliveryRecord): AlertDeliveryRow {
  return {
    id: record.id,
    rule_id: record.ruleId,
    event: record.event,
    channel: JSON.stringify(record.channel),
    body: record.body,
    state: record.state,
    attempts: record.attempts,
    created_at: record.createdAt,
    next_attempt_at: record.nextAttemptAt ?? null,
    last_error: record.lastError ?? null,
  };
}

function toDelivery(row: AlertDeliveryRow): AlertDeliveryRecord {
  return {
    id: row.id,
    ruleId: row.rule_id,
    event: row.event,
    channel: fromJson(row.channel),
    body: row.body,
    state: row.state,
    attempts: row.attempts,
    createdAt: row.created_at,
    nextAttemptAt: row.next_attempt_at ?? undefined,
    lastError: row.last_error ?? undefined,
  };
}
