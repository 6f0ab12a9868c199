import { describe, expect, it } from 'vitest';
import { rateLimitSchema } from '../../shared/caller-auth.ts';
import { versionConfigSchema } from '../../shared/version-config.ts';
import {
  checkRateLimits,
  emptyRateLimit,
  firstRateLimitError,
  maxRateLimits,
  rateLimitDraftOf,
  rateLimitOf,
} from './rate-limit-draft.ts';

describe('rate limits of the form', () => {
  it('are sent as they were', () => {
    const limit = { by: 'caller', requests: 5, windowSeconds: 3600 } as const;
    expect(rateLimitOf(rateLimitDraftOf(limit))).toEqual(limit);
  });

  it.each(['requests', 'windowSeconds'] as const)('take what the API takes for %s', (key) => {
    for (const text of ['1', '60', '86400', '86401', '1000000', '1000001', '0', '-1', '1.5', '', ' ', 'x', '1e3']) {
      const draft = { ...emptyRateLimit, [key]: text };
      const [errors] = checkRateLimits([draft], false);
      const isFine = text.trim() !== '' && rateLimitSchema.safeParse(rateLimitOf(draft)).success;
      expect(errors?.[key] === undefined, `${key} ${JSON.stringify(text)}`).toBe(isFine);
    }
  });

  it('are as many as the API takes', () => {
    const many = (count: number) => Array.from({ length: count }, () => rateLimitOf(emptyRateLimit));
    expect(versionConfigSchema.shape.rateLimits.safeParse(many(maxRateLimits)).success).toBe(true);
    expect(versionConfigSchema.shape.rateLimits.safeParse(many(maxRateLimits + 1)).success).toBe(false);
  });

  it('need to know who calls', () => {
    const ofCaller = { ...emptyRateLimit, by: 'caller' as const };
    expect(checkRateLimits([ofCaller], true)).toEqual([{}]);
    expect(firstRateLimitError(checkRateLimits([emptyRateLimit, ofCaller], false))).toContain('Rate limit 2: Nobody');
    expect(firstRateLimitError([{}])).toBeUndefined();
  });
});
