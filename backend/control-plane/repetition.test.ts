import { expect, test } from 'vitest';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import { Repetition } from './repetition.ts';

test('rounds follow one another and never overlap, and the end waits for the last', async () => {
  const clock = new ManualClock();
  const rounds: (() => void)[] = [];
  const work = () => new Promise<void>((resolve) => void rounds.push(resolve));
  const repetition = new Repetition({ clock, intervalMs: 10, work });
  repetition.start();
  clock.advance(9);
  expect(rounds).toHaveLength(0);
  clock.advance(1);
  clock.advance(100);
  expect(rounds).toHaveLength(1);
  rounds[0]?.();
  await expect.poll(() => clock.advance(10) ?? rounds.length).toBe(2);
  let isClosed = false;
  const closing = repetition.close().then(() => {
    isClosed = true;
  });
  await Promise.resolve();
  expect(isClosed).toBe(false);
  rounds[1]?.();
  await closing;
  clock.advance(100);
  expect(rounds).toHaveLength(2);
});

test('what is stopped before its first round does nothing', () => {
  const clock = new ManualClock();
  let rounds = 0;
  const repetition = new Repetition({ clock, intervalMs: 10, work: async () => ++rounds });
  repetition.start();
  repetition.stop();
  clock.advance(100);
  expect(rounds).toBe(0);
});
