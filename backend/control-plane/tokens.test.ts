import { timingSafeEqual } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import type { Store, TokenRecord } from '../core/ports/store.ts';
import { hashSecret, newSecret, Tokens } from './tokens.ts';

vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>();
  return { ...crypto, timingSafeEqual: vi.fn(crypto.timingSafeEqual) };
});

const compared = vi.mocked(timingSafeEqual);
const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

async function tokensOf(...secrets: readonly string[]): Promise<Tokens> {
  const records = secrets.map(
    (secret, i): TokenRecord => ({
      id: `tok_${i}` as TokenRecord['id'],
      name: `token ${i}`,
      scope: 'admin',
      project: undefined,
      hash: hashSecret(secret),
      createdAt: 0,
      expiresAt: undefined,
      lastUsedAt: undefined,
    }),
  );
  const store = { tokens: { all: async () => records, touch: async () => undefined } } as unknown as Store;
  const tokens = new Tokens({ store, clock: new ManualClock(), logger });
  await tokens.load();
  return tokens;
}

describe('comparing tokens', () => {
  beforeEach(() => {
    compared.mockClear();
  });

  it('lets nobody in but by digests that were compared in constant time', async () => {
    const [secret, other] = [newSecret(), newSecret()];
    const tokens = await tokensOf(secret, other);
    expect(tokens.authenticate(other)?.name).toBe('token 1');
    expect(compared).toHaveBeenCalledTimes(1);
    const digest = Buffer.from(hashSecret(other), 'hex');
    expect(digest).toHaveLength(32);
    expect(compared).toHaveBeenCalledWith(digest, digest);
    compared.mockReturnValueOnce(false);
    expect(tokens.authenticate(other)).toBeUndefined();
  });

  it('looks a guess up by its hash, which has nothing of the guess: one that is right but for a character finds nothing', async () => {
    const secret = newSecret();
    const tokens = await tokensOf(secret);
    const near = secret.slice(0, -1) + (secret.endsWith('A') ? 'B' : 'A');
    expect(tokens.authenticate(near)).toBeUndefined();
    expect(tokens.authenticate(hashSecret(secret))).toBeUndefined();
    expect(compared).not.toHaveBeenCalled();
  });
});
