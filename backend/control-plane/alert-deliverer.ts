import { dayMs, hourMs } from '../../shared/durations.ts';
import { PlatformError } from '../../shared/errors.ts';
import { backoffMs } from '../core/policies/backoff.ts';
import type { AlertSender } from '../core/ports/alert-channel.ts';
import type { AlertDeliveryRecord } from '../core/ports/alert-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Store } from '../core/ports/store.ts';
import { textOf } from './alert-messages.ts';

export interface AlertDelivererOptions {
  readonly store: Store;
  readonly sender: AlertSender;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In [0, 1). */
  readonly random: () => number;
}

/** With these waits a receiver may be away for about half a day. */
const backoff = { minMs: 5_000, maxMs: hourMs };
const maxAttempts = 20;
const atOnce = 8;
const maxErrorChars = 500;
/** How long what was sent is shown. */
const keepMs = 7 * dayMs;
/** After the database could not be read. */
const pauseMs = 10_000;

/** Sends what waits, tries again with growing pauses, and gives up after `maxAttempts`. */
export class AlertDeliverer {
  readonly #options: AlertDelivererOptions;
  readonly #closing = new AbortController();
  #cancelTimer: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  #isWoken = false;

  constructor(options: AlertDelivererOptions) {
    this.#options = options;
  }

  /** Something is to be sent; also the start. */
  wake(): void {
    this.#isWoken = true;
    if (this.#closing.signal.aborted) return;
    this.#sending ??= this.#work().finally(() => {
      this.#sending = undefined;
      // Called after the last look of the work that just ended.
      if (this.#isWoken) this.wake();
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancelTimer?.();
    await this.#sending;
  }

  async #work(): Promise<void> {
    this.#cancelTimer?.();
    const { store, clock, logger } = this.#options;
    try {
      while (!this.#closing.signal.aborted) {
        this.#isWoken = false;
        const due = await store.alerts.dueDeliveries(clock.now(), atOnce);
        await Promise.all(due.map((delivery) => this.#deliver(delivery)));
        if (due.length === 0 && !this.#isWoken) break;
      }
      await store.alerts.pruneDeliveries(clock.now() - keepMs);
      const nextAt = await store.alerts.nextDueAt();
      if (nextAt !== undefined) this.#wakeIn(Math.max(0, nextAt - clock.now()));
    } catch (error) {
      logger.warn({ err: error }, 'alert messages could not be read or noted; it is tried again');
      this.#wakeIn(pauseMs);
    }
  }

  #wakeIn(ms: number): void {
    if (this.#closing.signal.aborted) return;
    this.#cancelTimer = this.#options.clock.after(Math.min(ms, backoff.maxMs), () => this.wake());
  }

  async #deliver(delivery: AlertDeliveryRecord): Promise<void> {
    const { store, sender, clock, logger, random } = this.#options;
    const attempts = delivery.attempts + 1;
    const text = textOf(delivery.body);
    const subject = `[${delivery.event}] ${text}`.replaceAll(/\s+/g, ' ').slice(0, 200);
    const message = { id: delivery.id, ruleId: delivery.ruleId, subject, text, body: delivery.body };
    try {
      await sender.send(delivery.channel, message, this.#closing.signal);
      await store.alerts.noteDelivery(delivery.id, {
        state: 'delivered',
        attempts,
        nextAttemptAt: undefined,
        lastError: undefined,
      });
    } catch (error) {
      // Not the receiver's fault: the next start sends it.
      if (this.#closing.signal.aborted) return;
      const isFinal = attempts >= maxAttempts || (error instanceof PlatformError && error.kind !== 'unavailable');
      const lastError = (error instanceof Error ? error.message : String(error)).slice(0, maxErrorChars);
      if (isFinal) logger.error({ err: error, deliveryId: delivery.id }, 'an alert message was given up');
      await store.alerts.noteDelivery(delivery.id, {
        state: isFinal ? 'failed' : 'waiting',
        attempts,
        nextAttemptAt: isFinal ? undefined : clock.now() + backoffMs(attempts, backoff, random()),
        lastError,
      });
    }
  }
}
