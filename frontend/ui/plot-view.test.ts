import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inTurn, PlotView } from './plot-view.ts';

/** A view whose plot writes down what it draws. */
function viewed() {
  const drawn: string[] = [];
  const tasks: (() => void)[] = [];
  const view = new PlotView({
    make: ({ width, height }) => {
      drawn.push(`made ${width} x ${height}`);
      return {
        setSize: (size) => drawn.push(`size ${size.width} x ${size.height}`),
        setData: (data) => drawn.push(`data ${JSON.stringify(data)}`),
        destroy: () => drawn.push('destroyed'),
      };
    },
    data: () => [[1], [2]],
    soon: (task) => tasks.push(task),
  });
  const turn = () => {
    for (const task of tasks.splice(0)) task();
  };
  return { view, drawn, turn };
}

describe('a plot in view', () => {
  const [x, values] = [
    [1, 2],
    [3, 4],
  ];

  it('is drawn once it has a place, with what it shows by then', () => {
    const { view, drawn, turn } = viewed();
    view.show([x, values]);
    view.fit({ width: 0, height: 180 });
    turn();
    expect(drawn).toEqual([]);
    view.fit({ width: 399.6, height: 180 });
    view.show([x, [5, 6]]);
    turn();
    expect(drawn).toEqual(['made 400 x 180']);
  });

  it('is drawn once for each change, and not for what is the same', () => {
    const { view, drawn, turn } = viewed();
    view.show([x, values]);
    view.fit({ width: 400, height: 180 });
    turn();
    drawn.length = 0;
    view.fit({ width: 400.3, height: 180 });
    view.show([x, values]);
    expect(drawn).toEqual([]);
    view.show([x, [...values]]);
    view.show([x, [...values], values]);
    expect(drawn).toEqual(['data [[1],[2]]', 'data [[1],[2]]']);
    view.fit({ width: 300, height: 180 });
    view.fit({ width: 0, height: 180 });
    expect(drawn.slice(2)).toEqual(['size 300 x 180']);
  });

  it('is gone once it has ended, also where it was about to be made', () => {
    const { view, drawn, turn } = viewed();
    view.fit({ width: 400, height: 180 });
    view.end();
    turn();
    expect(drawn).toEqual([]);
    const other = viewed();
    other.view.fit({ width: 400, height: 180 });
    other.turn();
    other.view.end();
    other.view.show([x]);
    expect(other.drawn).toEqual(['made 400 x 180', 'destroyed']);
  });
});

describe('work in turn', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('runs one after the other, each in a task of its own, also after one that fails', () => {
    const ran: number[] = [];
    inTurn(() => {
      throw new Error('cannot be drawn');
    });
    for (const index of [1, 2]) inTurn(() => ran.push(index));
    expect(() => vi.advanceTimersToNextTimer()).toThrow('cannot be drawn');
    expect(ran).toEqual([]);
    vi.advanceTimersToNextTimer();
    expect(ran).toEqual([1]);
    vi.advanceTimersToNextTimer();
    expect(ran).toEqual([1, 2]);
    inTurn(() => ran.push(3));
    vi.runAllTimers();
    expect(ran).toEqual([1, 2, 3]);
  });
});
