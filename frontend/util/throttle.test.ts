import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Throttle } from './throttle.ts';

describe('a throttle', () => {
  const emitted: string[] = [];
  const throttle = () => new Throttle({ first: 'quiet', ms: 10_000, emit: (text) => emitted.push(text) });
  beforeEach(() => {
    vi.useFakeTimers();
    emitted.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('hands on the newest of many changes, no more than once in its time', () => {
    const tested = throttle();
    for (let second = 0; second < 35; second++) {
      tested.push(`${second} failing`);
      vi.advanceTimersByTime(1000);
    }
    expect(emitted).toEqual(['9 failing', '19 failing', '29 failing']);
  });

  it('says nothing of what is as it was', () => {
    const tested = throttle();
    tested.push('quiet');
    vi.runAllTimers();
    tested.push('loud');
    tested.push('quiet');
    vi.runAllTimers();
    expect(emitted).toEqual([]);
  });

  it('lets go what it holds when it is stopped, and can be used again', () => {
    const tested = throttle();
    tested.push('loud');
    tested.stop();
    vi.runAllTimers();
    expect(emitted).toEqual([]);
    tested.push('loud');
    vi.runAllTimers();
    expect(emitted).toEqual(['loud']);
  });
});
