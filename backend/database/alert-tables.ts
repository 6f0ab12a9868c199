import type { AlertDeliveryId, AlertRuleId } from '../../shared/ids.ts';
import type { AlertDeliveryRecord } from '../core/ports/alert-store.ts';

/** Table `alert_rules`; config and memory are JSON, times in ms since 1970. */
export interface AlertRuleRow {
  id: AlertRuleId;
  config: string;
  memory: string;
  silenced_until: number | null;
  created_at: number;
  updated_at: number;
}

/** Table `alert_deliveries`; channel and body are JSON. */
export interface AlertDeliveryRow {
  id: AlertDeliveryId;
  rule_id: AlertRuleId;
  event: AlertDeliveryRecord['event'];
  channel: string;
  body: string;
  state: AlertDeliveryRecord['state'];
  attempts: number;
  created_at: number;
  next_attempt_at: number | null;
  last_error: string | null;
}
