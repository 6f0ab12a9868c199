import type { AlertDeliveryDocument, AlertRuleDocument } from '../../shared/api/alerts.ts';
import { shortNameOf } from '../../shared/names.ts';
import type { AlertLookNote } from '../control-plane/alerts.ts';
import type { AlertDeliveryRecord, AlertRuleRecord } from '../core/ports/alert-store.ts';
import { timeOrNull, timeText } from './documents.ts';

export function alertRuleDocument(record: AlertRuleRecord, look: AlertLookNote | undefined): AlertRuleDocument {
  const { memory, silencedUntil, createdAt, updatedAt, ...config } = record;
  const { project, functionName } = config;
  return {
    ...config,
    // As it is called in the project; a rule of the installation may be about any.
    functionName: functionName === null || project === null ? functionName : shortNameOf(functionName),
    channels: [...config.channels],
    state: memory.state,
    since: memory.since === 0 ? null : timeText(memory.since),
    value: look?.value ?? null,
    evaluatedAt: timeOrNull(look?.at),
    silencedUntil: timeOrNull(silencedUntil),
    createdAt: timeText(createdAt),
    updatedAt: timeText(updatedAt),
  };
}

export function alertDeliveryDocument(record: AlertDeliveryRecord): AlertDeliveryDocument {
  return {
    id: record.id,
    ruleId: record.ruleId,
    event: record.event,
    channel: record.channel,
    state: record.state,
    attempts: record.attempts,
    createdAt: timeText(record.createdAt),
    nextAttemptAt: timeOrNull(record.nextAttemptAt),
    lastError: record.lastError ?? null,
  };
}
