import { describe, expect, it } from 'vitest';
import {
  areNextStepsHidden,
  checklistMemory,
  doneSteps,
  hideNextSteps,
  mayHaveSteps,
  rememberChecklist,
  stepIds,
} from './checklist.ts';

const none = { isDismissed: false, done: [] } as const;
const lastDeployment = { version: 1, at: '2026-11-27T10:00:00.000Z', by: 'admin' };
const fn = { latestVersion: 1, lastDeployment } as const;

describe('the first steps', () => {
  it('are done by what is there', () => {
    expect(doneSteps({ functions: [], schedules: 0 }, none)).toEqual([]);
    expect(doneSteps({ functions: [fn], schedules: 0 }, none)).toEqual(['deploy']);
    expect(doneSteps({ functions: [fn, { ...fn, latestVersion: 2 }], schedules: 1 }, none)).toEqual([
      'deploy',
      'change',
      'schedule',
    ]);
  });

  it('are not done by examples that came with the platform, until somebody changes one', () => {
    const example = { ...fn, lastDeployment: { ...lastDeployment, by: 'platform' } };
    expect(doneSteps({ functions: [example], schedules: 0 }, none)).toEqual([]);
    const changed = { latestVersion: 2, lastDeployment: { ...lastDeployment, version: 2 } };
    expect(doneSteps({ functions: [example, changed], schedules: 0 }, none)).toEqual(['deploy', 'change']);
  });

  it('stay done when the hour in which they were done is over', () => {
    expect(doneSteps({ functions: [fn], schedules: 0 }, { isDismissed: false, done: ['call'] })).toEqual([
      'deploy',
      'call',
    ]);
  });

  it('are remembered, and whatever else the storage holds is nothing', () => {
    const kept: string[] = [];
    const setItem = (_key: string, value: string) => void kept.push(value);
    rememberChecklist({ setItem }, { isDismissed: true, done: ['deploy'] });
    expect(checklistMemory({ getItem: () => kept[0] ?? null })).toEqual({ isDismissed: true, done: ['deploy'] });
    for (const text of [null, '{broken', '1', '{"done":"deploy"}', '{"done":["other"],"isDismissed":1}'])
      expect(checklistMemory({ getItem: () => text })).toEqual(none);
  });

  it('are followed by others until somebody hides those, with or without room to remember it', () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    };
    expect(areNextStepsHidden(storage)).toBe(false);
    hideNextSteps({
      setItem: () => {
        throw new Error('no room');
      },
    });
    hideNextSteps(storage);
    expect(areNextStepsHidden(storage)).toBe(true);
    expect(checklistMemory(storage)).toEqual(none);
  });

  it('may be left until the first are done or dismissed, and the others hidden', () => {
    const holds = (memory: object, isHidden: boolean) => ({
      getItem: (key: string) => (key === 'hearth.next-steps' ? (isHidden ? 'hidden' : null) : JSON.stringify(memory)),
    });
    expect(mayHaveSteps(holds({ done: ['call'] }, true))).toBe(true);
    expect(mayHaveSteps(holds({ done: stepIds }, false))).toBe(true);
    expect(mayHaveSteps(holds({ done: stepIds }, true))).toBe(false);
    expect(mayHaveSteps(holds({ done: [], isDismissed: true }, false))).toBe(false);
  });
});
