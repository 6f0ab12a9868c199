import { describe, expect, test } from 'vitest';
import { ManualClock } from '../fakes/manual-clock.ts';
import { apiRig } from '../support/api-rig.ts';

describe('tokens that are not taken', () => {
  test('a token that has expired is refused, and only who has all of it hears why', async () => {
    const clock = new ManualClock();
    await using own = await apiRig({ clock, maxTokenFailuresPerMinute: 3 });
    const ask = (secret: string) =>
      own.app.inject({ url: '/api/v1/whoami', headers: { authorization: `Bearer ${secret}` } });
    const input = { name: 'ci', scope: 'read', expiresInSeconds: 60 };
    const created = await own.app.inject({
      method: 'POST',
      url: '/api/v1/tokens',
      headers: own.as.admin,
      payload: input,
    });
    const { id, secret } = created.json();
    const shown = async () => {
      const { items } = (await own.app.inject({ url: '/api/v1/tokens', headers: own.as.admin })).json();
      return items.find((item: { id: string }) => item.id === id);
    };
    expect(await shown()).toMatchObject({ name: 'ci', lastUsedAt: null });
    clock.advance(59_000);
    expect((await ask(secret)).statusCode).toBe(200);
    const usedAt = new Date(clock.now()).toISOString();
    expect((await shown()).lastUsedAt).toBe(usedAt);
    clock.advance(1000);
    // It is no guess, however often it comes.
    for (let i = 0; i < 5; i++) {
      const answer = await ask(secret);
      expect([answer.statusCode, answer.json().code]).toEqual([401, 'token_expired']);
    }
    for (const near of [secret.slice(0, -1), `${secret}x`, id]) {
      const answer = await ask(near);
      expect([answer.statusCode, answer.json().code]).toEqual([401, 'token_invalid']);
    }
    // It was not used again, and the last use is there after a restart.
    expect((await shown()).lastUsedAt).toBe(usedAt);
    await own.controlPlane.settled();
    const again = (await own.restart()).tokens.list(undefined).find((token) => token.id === id);
    expect(again?.lastUsedAt).toBe(Date.parse(usedAt));
  });

  test('wrong tokens are counted per address, also across a restart', async () => {
    await using own = await apiRig({ maxTokenFailuresPerMinute: 3 });
    const attempt = (remoteAddress: string) =>
      own.app.inject({ url: '/api/v1/whoami', headers: { authorization: 'Bearer nope' }, remoteAddress });
    for (let i = 0; i < 3; i++) expect((await attempt('10.0.0.1')).statusCode).toBe(401);
    const fourth = await attempt('10.0.0.1');
    expect(fourth.statusCode).toBe(429);
    expect(Number(fourth.headers['retry-after'])).toBeGreaterThan(0);
    expect((await attempt('10.0.0.2')).statusCode).toBe(401);
    expect(
      (await own.app.inject({ url: '/api/v1/whoami', headers: own.as.read, remoteAddress: '10.0.0.1' })).statusCode,
    ).toBe(200);
    // Within a second, and not only at a graceful end.
    const onDisk = async () =>
      (await own.store.signInFailures.list('token ', 0, 10)).map(({ key, failures }) => `${key}: ${failures}`).sort();
    await expect.poll(onDisk).toEqual(['token 10.0.0.1: 4', 'token 10.0.0.2: 1']);
    const { tokenGuard } = await own.restart();
    expect(tokenGuard.fail('10.0.0.1')).toBeGreaterThan(0);
    expect(tokenGuard.fail('10.0.0.2')).toBeUndefined();
  });
});
