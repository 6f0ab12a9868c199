import type { Store } from '../backend/core/ports/store.ts';
import { Measurement } from '../backend/metrics/aggregator/measurement.ts';
import { allFunctions, startOfStep } from '../backend/metrics/aggregator/steps.ts';
import { ByteWriter } from '../backend/util/byte-codec.ts';
import { minuteMs } from '../shared/durations.ts';
import { type FunctionId, newId } from '../shared/ids.ts';
import { scheduleRecord } from '../tests/conformance/store-records.ts';
import { invocation } from '../tests/support/metrics-fixture.ts';
import type { Platform } from '../tests/support/platform.ts';

const userCount = 200;
const tokenCount = 200;
const secretCount = 100;
const auditCount = 2_000;
const measuredMinutes = 60;

/** What the pages about operations list: a schedule of every function, people, tokens, what they did, and an hour of numbers for the costs. */
export async function fillOperations(store: Store, ids: readonly FunctionId[], now: number): Promise<void> {
  await store.transaction(async (tx) => {
    for (const id of ids) await tx.schedules.replace(id, [scheduleRecord(id, 'nightly', { createdAt: now })]);
    for (let i = 0; i < userCount; i++) {
      await tx.users.create({
        id: newId('user'),
        name: `user-${i}`,
        passwordHash: undefined,
        isDisabled: false,
        createdAt: now,
        updatedAt: now,
        identities: [],
        roles: [{ project: 'default', role: 'viewer' }],
      });
    }
    for (let i = 0; i < tokenCount; i++) {
      const hash = i.toString(16).padStart(64, '0');
      const times = { createdAt: now, expiresAt: undefined, lastUsedAt: undefined };
      await tx.tokens.create({ id: newId('token'), name: `token-${i}`, scope: 'read', hash, ...times });
    }
    for (let i = 0; i < auditCount; i++) {
      await tx.audit.append({
        id: newId('audit'),
        at: now - auditCount + i,
        project: 'default',
        actorId: '',
        actor: 'bench',
        action: 'function.update',
        target: `fn-${i}`,
        detail: { description: 'changed' },
        address: '127.0.0.1',
      });
    }
  });
  await fillMinutes(store, ids, now);
}

async function fillMinutes(store: Store, ids: readonly FunctionId[], now: number): Promise<void> {
  const measurement = new Measurement();
  // Times that differ, so that the sketches have as many buckets as those of real functions.
  for (let i = 0; i < 20; i++) measurement.addInvocation(invocation({ at: now, totalMs: 1.3 ** i }).report);
  const writer = new ByteWriter();
  measurement.encode(writer);
  const data = writer.copy();
  for (let minute = measuredMinutes; minute >= 1; minute--) {
    const at = startOfStep(now, minuteMs) - minute * minuteMs;
    const series = [...ids.map((functionId) => ({ functionId, version: 1 })), { functionId: allFunctions, version: 0 }];
    await store.metricPoints.put(series.map((of) => ({ ...of, stepMs: minuteMs, at, data })));
  }
}

/** Those are sealed with the key of the platform, so that it has to store them itself. */
export async function fillSecrets(platform: Platform): Promise<void> {
  for (let i = 0; i < secretCount; i++) {
    const response = await platform.api('PUT', `/api/v1/secrets/SECRET_${i}`, { value: `value ${i}` });
    if (!response.ok) throw new Error(`a secret was refused with ${response.status}`);
  }
}
