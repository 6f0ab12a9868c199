import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logVolume } from './log-volume.ts';

const line = (at: string, level: 'info' | 'warn' | 'error' = 'info') => ({ at, level });

describe('logVolume', () => {
  it('counts lines by time and level, holes included', () => {
    const bars = logVolume(
      [
        line('2026-11-24T12:00:00.100Z'),
        line('2026-11-24T12:00:00.900Z', 'error'),
        line('2026-11-24T12:00:02.000Z', 'warn'),
      ],
      60,
    );
    expect(bars.map(({ count, errors, warnings }) => [count, errors, warnings])).toEqual([
      [2, 1, 0],
      [0, 0, 0],
      [1, 0, 1],
    ]);
    expect(bars[0]).toMatchObject({
      fromMs: Date.parse('2026-11-24T12:00:00Z'),
      toMs: Date.parse('2026-11-24T12:00:01Z'),
    });
  });

  it('has no bars without lines', () => {
    expect(logVolume([], 60)).toEqual([]);
  });

  it('never has more bars than fit, and counts each line once', () => {
    const at = fc.integer({ min: 0, max: 400 * 86_400_000 }).map((ms) => line(new Date(ms).toISOString()));
    fc.assert(
      fc.property(fc.array(at, { minLength: 1, maxLength: 50 }), fc.integer({ min: 2, max: 80 }), (lines, maxBars) => {
        const bars = logVolume(lines, maxBars);
        expect(bars.length).toBeLessThanOrEqual(maxBars + 1);
        expect(bars.reduce((sum, bar) => sum + bar.count, 0)).toBe(lines.length);
        for (const [index, bar] of bars.entries()) expect(bar.fromMs).toBe(bars[index - 1]?.toMs ?? bar.fromMs);
      }),
    );
  });
});
