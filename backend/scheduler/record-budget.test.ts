import { describe, expect, it } from 'vitest';
import type { Invocation, InvocationReport } from '../core/invocation.ts';
import { RecordBudget } from './record-budget.ts';

const start = 1_700_000_000_000;

function call(functionName = 'busy', trigger = 'http') {
  return { trigger, version: { functionName, functionId: `fn_${functionName}` } } as unknown as Invocation;
}

function report(changes: object = {}) {
  const timing = { totalMs: 2 };
  return { outcome: { kind: 'success' }, start: 'warm', httpStatus: 200, timing, ...changes } as InvocationReport;
}

/** How many of so many equal calls, evenly over so many milliseconds, get a record. */
function recorded(budget: RecordBudget, count: number, ms: number, from = start, name = 'busy'): number {
  const taken = Array.from({ length: count }, (_, i) => budget.takes(call(name), report(), from + (i * ms) / count));
  return taken.filter(Boolean).length;
}

describe('RecordBudget', () => {
  it('records every call up to its rate, and every one at all without a rate', () => {
    const budget = new RecordBudget({ perSecond: 100 });
    expect(recorded(budget, 300, 3000)).toBe(300);
    expect(budget.leftOut).toBe(0);
    expect(budget.leftOutAt(() => true)).toBeUndefined();
    expect(recorded(new RecordBudget({ perSecond: 0 }), 10_000, 1)).toBe(10_000);
  });

  it('records a flood evenly at its rate', () => {
    const budget = new RecordBudget({ perSecond: 100 });
    recorded(budget, 10_000, 1000);
    for (const second of [1, 2, 3]) {
      // And the first ten of the function, whatever its rate.
      const count = recorded(budget, 10_000, 1000, start + second * 1000);
      expect(count).toBeGreaterThanOrEqual(100);
      expect(count).toBeLessThanOrEqual(111);
    }
  });

  it('says how many were left out, and when the last one was, of whom', () => {
    const budget = new RecordBudget({ perSecond: 1 });
    expect(recorded(budget, 50, 1)).toBe(11);
    expect(recorded(budget, 50, 1, start, 'calm')).toBe(10);
    expect(budget.leftOut).toBe(79);
    budget.takes(call(), report(), start + 500);
    expect(budget.leftOutAt((name) => name === 'busy')).toBe(start + 500);
    expect(budget.leftOutAt((name) => name === 'calm')).toBeLessThan(start + 2);
    expect(budget.leftOutAt((name) => name === 'other')).toBeUndefined();
  });

  it('does not let a flood on one function hide another', () => {
    const budget = new RecordBudget({ perSecond: 1 });
    recorded(budget, 10_000, 1);
    expect(recorded(budget, 10, 100, start + 100, 'calm')).toBe(10);
    expect(recorded(budget, 20, 100, start + 200, 'calm')).toBe(0);
    expect(recorded(budget, 20, 100, start + 1000, 'calm')).toBeGreaterThanOrEqual(10);
  });

  it('records what is not ordinary, however much of it there is', () => {
    const budget = new RecordBudget({ perSecond: 1 });
    recorded(budget, 1000, 1);
    const fault = { kind: 'function-fault', fault: 'threw', message: 'no' };
    const others: readonly (readonly [Invocation, InvocationReport])[] = [
      [call('busy', 'api'), report()],
      [call(), report({ outcome: fault })],
      [call(), report({ httpStatus: 404 })],
      [call(), report({ start: 'cold' })],
      [call(), report({ timing: { totalMs: 1000 } })],
    ];
    for (const [invocation, over] of others) expect(budget.takes(invocation, over, start + 1)).toBe(true);
    expect(budget.takes(call(), report({ httpStatus: undefined }), start + 1)).toBe(false);
    expect(budget.takes(call(), report(), start + 1)).toBe(false);
  });

  it('is not confused by a clock that is set', () => {
    const budget = new RecordBudget({ perSecond: 10 });
    recorded(budget, 1000, 1);
    expect(recorded(budget, 1000, 1, start - 3_600_000)).toBe(10);
    expect(recorded(budget, 1000, 1, start + 3_600_000)).toBe(20);
  });

  it('remembers a bounded number of names', () => {
    const budget = new RecordBudget({ perSecond: 1 });
    for (let i = 0; i <= 10_000; i++) recorded(budget, 12, 0, start, `f${i}`);
    expect(budget.leftOutAt((name) => name === 'f0')).toBeUndefined();
    expect(budget.leftOutAt((name) => name === 'f10000')).toBe(start);
  });
});
