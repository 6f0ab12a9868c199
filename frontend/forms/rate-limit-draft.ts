import type { RateLimit } from '../../shared/caller-auth.ts';

/** A limit as the form holds it: numbers are text until they are sent. */
export interface RateLimitDraft {
  readonly by: RateLimit['by'];
  readonly requests: string;
  readonly windowSeconds: string;
}

/** What is wrong with a limit, by field. */
export type RateLimitErrors = Partial<Record<keyof RateLimitDraft, string>>;

export const maxRateLimits = 5;
export const emptyRateLimit: RateLimitDraft = { by: 'address', requests: '100', windowSeconds: '60' };

/** The ranges of `rateLimitSchema`; a test holds them together. */
const ranges = { requests: 1_000_000, windowSeconds: 86_400 } as const;

export function rateLimitDraftOf({ by, requests, windowSeconds }: RateLimit): RateLimitDraft {
  return { by, requests: String(requests), windowSeconds: String(windowSeconds) };
}

/** What is sent of a checked limit. */
export function rateLimitOf({ by, requests, windowSeconds }: RateLimitDraft): RateLimit {
  return { by, requests: Number(requests), windowSeconds: Number(windowSeconds) };
}

/** One entry for each limit, empty where nothing is wrong. `hasAuth`: callers are known. */
export function checkRateLimits(limits: readonly RateLimitDraft[], hasAuth: boolean): readonly RateLimitErrors[] {
  return limits.map((limit) => {
    const errors: RateLimitErrors = {};
    if (limit.by === 'caller' && !hasAuth) errors.by = 'Nobody knows who calls: choose above who may';
    for (const key of ['requests', 'windowSeconds'] as const) {
      const value = Number(limit[key]);
      const isFine = limit[key].trim() !== '' && Number.isInteger(value) && value >= 1 && value <= ranges[key];
      if (!isFine) errors[key] = `A whole number from 1 to ${ranges[key]}`;
    }
    return errors;
  });
}

/** The first thing that is wrong, with the number of the limit. */
export function firstRateLimitError(errors: readonly RateLimitErrors[]): string | undefined {
  for (const [index, error] of errors.entries()) {
    const [message] = Object.values(error);
    if (message !== undefined) return `Rate limit ${index + 1}: ${message}`;
  }
  return undefined;
}
