import type { AlertChannel } from '../../../shared/api/alerts.ts';
import type { AlertDeliveryId, AlertRuleId } from '../../../shared/ids.ts';

export interface AlertMessage {
  readonly id: AlertDeliveryId;
  readonly ruleId: AlertRuleId;
  /** One line. */
  readonly subject: string;
  /** For people. */
  readonly text: string;
  /** For programs, JSON text. */
  readonly body: string;
}

export interface AlertSender {
  /**
   * Resolves when the channel took the message. Rejects with PlatformError: `unavailable` when it may be tried again, any other kind when this channel
   * will never take it.
   */
  send(channel: AlertChannel, message: AlertMessage, signal: AbortSignal): Promise<void>;
  /** Why a channel of this form cannot work on this platform, and what to do; undefined when it can. */
  objection(channel: AlertChannel): string | undefined;
}
