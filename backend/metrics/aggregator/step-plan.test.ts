import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dayMs, hourMs, minuteMs } from '../../../shared/durations.ts';
import { planSteps, type StepRequest } from './step-plan.ts';

const now = Date.UTC(2030, 0, 31);
const kept = { now, secondsSince: now - 15 * minuteMs, keepSlotsMs: 6 * hourMs, keepMinutesMs: 7 * dayMs };
const ask = (rangeMs: number, stepMs?: number, facts: Partial<StepRequest> = {}) =>
  planSteps({ ...kept, from: now - rangeMs, to: now, stepMs, ...facts });

describe('planSteps', () => {
  test.each([
    ['the last minutes', 15 * minuteMs, 2_000, 1_000],
    ['an hour', hourMs, 10_000, 10_000],
    ['six hours', 6 * hourMs, 30_000, 10_000],
    ['a day', dayMs, 2 * minuteMs, minuteMs],
    ['a week', 7 * dayMs, 15 * minuteMs, minuteMs],
    ['a month', 30 * dayMs, hourMs, hourMs],
    ['a quarter', 90 * dayMs, 3 * hourMs, hourMs],
    ['ten years', 3_650 * dayMs, 122 * hourMs, hourMs],
  ])(
    'draws %s with a fitting step from the coarsest stored step that gives it',
    (_name, rangeMs, stepMs, sourceStepMs) => {
      expect(ask(rangeMs)).toMatchObject({ stepMs, sourceStepMs });
    },
  );

  test('uses slots for the last minutes when the process is younger than the range', () => {
    expect(ask(15 * minuteMs, undefined, { secondsSince: now - minuteMs })).toMatchObject({
      stepMs: 10_000,
      sourceStepMs: 10_000,
    });
  });

  test.each([
    ['a step that is stored', 10 * minuteMs, 10_000, 10_000, 10_000],
    ['a multiple of several', hourMs, 2 * minuteMs, 2 * minuteMs, minuteMs],
    ['a step between', hourMs, 15_000, 20_000, 10_000],
    ['a step that is no longer kept', 2 * dayMs, 1_000, minuteMs, minuteMs],
    ['an odd step of seconds', 5 * minuteMs, 7_000, 7_000, 1_000],
  ])('serves %s', (_name, rangeMs, asked, stepMs, sourceStepMs) => {
    expect(ask(rangeMs, asked)).toMatchObject({ stepMs, sourceStepMs });
  });

  test('gives whole steps that cover the range, and never more than 5,000', () => {
    const request = fc.record({
      ago: fc.integer({ min: 0, max: 200 * dayMs }),
      range: fc.integer({ min: 1, max: 200 * dayMs }),
      stepMs: fc.option(fc.integer({ min: 1_000, max: dayMs }), { nil: undefined }),
    });
    fc.assert(
      fc.property(request, ({ ago, range, stepMs }) => {
        const from = now - ago - range;
        const plan = planSteps({ ...kept, from, to: now - ago, stepMs });
        expect([plan.from % plan.stepMs, plan.to % plan.stepMs, plan.stepMs % plan.sourceStepMs]).toEqual([0, 0, 0]);
        expect(plan.from <= from && plan.to >= now - ago && plan.from > from - plan.stepMs).toBe(true);
        expect((plan.to - plan.from) / plan.stepMs).toBeLessThanOrEqual((stepMs === undefined ? 720 : 5_000) + 2);
        expect(plan.stepMs).toBeGreaterThanOrEqual(stepMs ?? 1_000);
      }),
    );
  });

  test.each([[0], [-1], [Number.NaN]])('refuses a range of %s ms', (rangeMs) => {
    expect(() => ask(rangeMs)).toThrow(expect.objectContaining({ code: 'bad_range' }));
  });
});
