import type { AlertRuleId } from '../../shared/ids.ts';
import { lookAtAlert } from '../core/policies/alert-state.ts';
import type { AlertRuleRecord } from '../core/ports/alert-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Store } from '../core/ports/store.ts';
import type { AlertValues } from './alert-values.ts';
import { type AlertLookNote, deliveriesOf } from './alerts.ts';
import { Repetition } from './repetition.ts';

export interface AlertEvaluatorOptions {
  readonly store: Store;
  readonly values: Pick<AlertValues, 'read'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly intervalMs: number;
  readonly onQueued: () => void;
  /** The state of a rule has changed. */
  readonly onChanged: (rule: AlertRuleRecord) => void;
}

/** Looks at every rule, again and again. State and messages are stored together, so a message is sent at least once whatever ends the process. */
export class AlertEvaluator {
  readonly #options: AlertEvaluatorOptions;
  readonly #looks: Repetition;
  readonly #latest = new Map<AlertRuleId, AlertLookNote>();

  constructor(options: AlertEvaluatorOptions) {
    this.#options = options;
    const { clock, intervalMs } = options;
    this.#looks = new Repetition({ clock, intervalMs, work: () => this.#lookAtAll() });
  }

  latest(id: AlertRuleId): AlertLookNote | undefined {
    return this.#latest.get(id);
  }

  start(): void {
    this.#looks.start();
  }

  async close(): Promise<void> {
    await this.#looks.close();
  }

  /** One look at all rules; never rejects. */
  async #lookAtAll(): Promise<void> {
    const { store, logger } = this.#options;
    try {
      const rules = await store.alerts.rules();
      for (const rule of rules) if (rule.isEnabled) await this.#lookAt(rule);
      const ids = new Set(rules.filter((rule) => rule.isEnabled).map((rule) => rule.id));
      for (const id of this.#latest.keys()) if (!ids.has(id)) this.#latest.delete(id);
    } catch (error) {
      logger.warn({ err: error }, 'alert rules could not be looked at; it is tried again');
    }
  }

  async #lookAt(rule: AlertRuleRecord): Promise<void> {
    const { store, clock, onQueued, onChanged } = this.#options;
    const value = await this.#options.values.read(rule);
    const now = clock.now();
    const isSilenced = rule.silencedUntil !== undefined && rule.silencedUntil > now;
    const { comparison, threshold, forMs } = rule;
    const { memory, event } = lookAtAlert(rule.memory, { value, comparison, threshold, forMs, isSilenced, now });
    this.#latest.set(rule.id, { value, at: now });
    const { state, toldFiring } = rule.memory;
    // Most looks change nothing, and then nothing is written.
    if (memory.state === state && memory.toldFiring === toldFiring) return;
    await store.transaction(async (tx) => {
      await tx.alerts.noteMemory(rule.id, memory);
      if (event === undefined) return;
      for (const delivery of deliveriesOf({ ...rule, memory }, event, value, now))
        await tx.alerts.addDelivery(delivery);
    });
    onChanged({ ...rule, memory });
    if (event !== undefined) onQueued();
  }
}
