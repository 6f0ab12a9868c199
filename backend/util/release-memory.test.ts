import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { releaseStartMemory } from './release-memory.ts';

let utilization = 0;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  vi.spyOn(performance, 'eventLoopUtilization').mockImplementation(() => ({ idle: 0, active: 0, utilization }));
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('gives memory back once, after the first second in which there is little to do', () => {
  const release = vi.fn(() => true);
  utilization = 0.5;
  releaseStartMemory(release);
  vi.advanceTimersByTime(60_000);
  expect(release).not.toHaveBeenCalled();
  utilization = 0.02;
  vi.advanceTimersByTime(1000);
  expect(release).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(60_000);
  expect(release).toHaveBeenCalledTimes(1);
});

it('does so two seconds after the start of an idle thread', () => {
  const release = vi.fn(() => true);
  utilization = 0;
  releaseStartMemory(release);
  vi.advanceTimersByTime(1999);
  expect(release).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(release).toHaveBeenCalledTimes(1);
});

it('tries again in the next second when another thread was at it', () => {
  const release = vi.fn().mockReturnValueOnce(false).mockReturnValue(true);
  utilization = 0;
  releaseStartMemory(release);
  vi.advanceTimersByTime(60_000);
  expect(release).toHaveBeenCalledTimes(2);
});

it('collects what nobody holds any more', async () => {
  let isCollected = false;
  const registry = new FinalizationRegistry(() => {
    isCollected = true;
  });
  registry.register({}, undefined);
  releaseStartMemory();
  vi.advanceTimersByTime(2000);
  vi.useRealTimers();
  await vi.waitFor(() => expect(isCollected).toBe(true));
});
