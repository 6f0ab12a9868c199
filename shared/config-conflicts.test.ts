import { describe, expect, it } from 'vitest';
import { mostInFlight, numberConflicts } from './config-conflicts.ts';
import { defaultVersionConfig } from './version-config.ts';

const config = { ...defaultVersionConfig('nodejs', 'process'), maxInstances: 5, concurrency: 4 };

describe('what a function can have in flight', () => {
  it('is what its instances take, a batch being many, and at most what was said', () => {
    expect(mostInFlight(config)).toBe(20);
    expect(mostInFlight({ ...config, batch: { ...config.batch, maxSize: 16 } })).toBe(80);
    expect(mostInFlight({ ...config, maxConcurrency: 7 })).toBe(7);
    expect(mostInFlight({ ...config, minInstances: 6 })).toBe(24);
  });
});

describe('numbers that contradict each other', () => {
  it('are named, each by its field', () => {
    expect(numberConflicts(config)).toEqual([]);
    const window = { minInstances: 6, days: ['mon' as const], from: '08:00', to: '18:00', timeZone: 'UTC' };
    const wrong = {
      ...config,
      minInstances: 6,
      reservedConcurrency: 25,
      provisionedWindows: [{ ...window, minInstances: 5 }, window],
      retry: { ...config.retry, minBackoffMs: 11, maxBackoffMs: 10 },
    };
    expect(numberConflicts(wrong).map(({ path }) => path)).toEqual([
      'minInstances',
      'reservedConcurrency',
      'provisionedWindows.1.minInstances',
      'retry.minBackoffMs',
    ]);
    expect(numberConflicts(wrong)[0]?.message).toBe('must not be more than maxInstances (5)');
  });
});
