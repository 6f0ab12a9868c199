import { expect, it } from 'vitest';
import { versionOf } from '../../../tests/fakes/pool-rig.ts';
import { asyncInvocation } from './async-invocation.ts';

const version = versionOf({ retry: { maxAttempts: 4, minBackoffMs: 1000, maxBackoffMs: 60_000, maxAgeMs: 5000 } });
const resolution = { version, qualifier: 'live' };
const payload = Buffer.from('{"a":1}');

it('takes the version and the retry policy as they are now', () => {
  const item = asyncInvocation(resolution, { now: 1000, trigger: 'schedule', payload });
  expect(item).toMatchObject({
    functionName: version.functionName,
    versionId: version.versionId,
    qualifier: 'live',
    trigger: 'schedule',
    payload,
    acceptedAt: 1000,
    runAt: 1000,
    maxAttempts: 4,
    expiresAt: 6000,
    depth: 0,
  });
  expect(item.idempotencyKey).toBeUndefined();
  expect(item.id).not.toBe(asyncInvocation(resolution, { now: 1000, trigger: 'schedule', payload }).id);
});

it('counts its age from when it may first run', () => {
  const item = asyncInvocation(resolution, { now: 1000, delayMs: 60_000, trigger: 'api', payload, depth: 3 });
  expect(item).toMatchObject({ acceptedAt: 1000, runAt: 61_000, expiresAt: 66_000, depth: 3 });
});
