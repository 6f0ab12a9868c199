import { expect, it } from 'vitest';
import type { AlertDeliveryRecord, AlertRuleRecord } from '../../backend/core/ports/alert-store.ts';
import type { Store } from '../../backend/core/ports/store.ts';
import { newId } from '../../shared/ids.ts';

const rule = (name: string, createdAt: number): AlertRuleRecord => ({
  id: newId('alertRule'),
  project: 'acme',
  name,
  metric: 'errorRate',
  functionName: 'acme/resize',
  comparison: 'above',
  threshold: 0.05,
  windowMs: 300_000,
  forMs: 60_000,
  channels: [{ kind: 'webhook', url: 'https://example.org/hook' }],
  isEnabled: true,
  memory: { state: 'ok', since: 0, toldFiring: false },
  silencedUntil: undefined,
  createdAt,
  updatedAt: createdAt,
});

const delivery = (ruleId: AlertRuleRecord['id'], createdAt: number): AlertDeliveryRecord => ({
  id: newId('alertDelivery', createdAt),
  ruleId,
  event: 'firing',
  channel: { kind: 'email', to: 'ops@example.org' },
  body: '{"a":1}',
  state: 'waiting',
  attempts: 0,
  createdAt,
  nextAttemptAt: createdAt,
  lastError: undefined,
});

/** Everything that holds for every AlertStore. */
export function describeAlerts(storeOf: () => Store): void {
  it('keeps rules and what is remembered of them', async () => {
    const { alerts } = storeOf();
    const [a, b] = [rule('a', 1), rule('b', 2)] as const;
    await alerts.createRule(a);
    await alerts.createRule(b);
    expect(await alerts.rules()).toEqual([a, b]);
    const memory = { state: 'firing', since: 7, toldFiring: true } as const;
    await alerts.noteMemory(a.id, memory);
    const changed = { ...b, threshold: 1, silencedUntil: 99, updatedAt: 3 };
    expect(await alerts.putRule(changed)).toBe(true);
    expect(await alerts.rules()).toEqual([{ ...a, memory }, changed]);
    expect(await alerts.removeRule(a.id)).toBe(true);
    expect(await alerts.removeRule(a.id)).toBe(false);
    expect(await alerts.putRule(a)).toBe(false);
    // A look that ends after its rule was deleted.
    await alerts.noteMemory(a.id, memory);
    expect(await alerts.rules()).toEqual([changed]);
  });

  it('keeps messages until they are delivered or given up', async () => {
    const { alerts } = storeOf();
    const owner = rule('a', 1);
    await alerts.createRule(owner);
    const [early, late] = [delivery(owner.id, 10), delivery(owner.id, 20)] as const;
    await alerts.addDelivery(late);
    await alerts.addDelivery(early);
    expect(await alerts.nextDueAt()).toBe(10);
    expect(await alerts.dueDeliveries(15, 10)).toEqual([early]);
    expect(await alerts.dueDeliveries(20, 1)).toEqual([early]);
    const failed = { state: 'waiting', attempts: 1, nextAttemptAt: 500, lastError: 'away' } as const;
    await alerts.noteDelivery(early.id, failed);
    expect(await alerts.nextDueAt()).toBe(20);
    const done = { state: 'delivered', attempts: 1, nextAttemptAt: undefined, lastError: undefined } as const;
    await alerts.noteDelivery(late.id, done);
    expect(await alerts.nextDueAt()).toBe(500);
    expect(await alerts.deliveries(owner.id, 10)).toEqual([
      { ...late, ...done },
      { ...early, ...failed },
    ]);
    expect(await alerts.pruneDeliveries(1_000)).toBe(1);
    expect(await alerts.deliveries(owner.id, 10)).toEqual([{ ...early, ...failed }]);
    await alerts.removeRule(owner.id);
    expect(await alerts.nextDueAt()).toBeUndefined();
  });
}
