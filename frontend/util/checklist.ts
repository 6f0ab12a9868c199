import type { FunctionDocument } from '../../shared/api/functions.ts';

export const stepIds = ['deploy', 'call', 'change', 'schedule'] as const;
export type StepId = (typeof stepIds)[number];

export interface ChecklistFacts {
  readonly functions: readonly Pick<FunctionDocument, 'latestVersion' | 'lastDeployment' | 'stats'>[];
  readonly schedules: number;
}

/** What this browser remembers of the first steps. */
export interface ChecklistMemory {
  readonly isDismissed: boolean;
  /** Once done is done: the numbers of functions are those of the last hour. */
  readonly done: readonly StepId[];
}

/** Without the examples that the platform deployed itself: nobody has taken a step by them. */
export function ownFunctions<Fn extends Pick<FunctionDocument, 'lastDeployment'>>(
  functions: readonly Fn[],
): readonly Fn[] {
  return functions.filter(({ lastDeployment }) => lastDeployment.by !== 'platform');
}

/** Whether there is nothing, or only examples of the platform that nobody has called in the last hour. */
export function isUntouched(functions: readonly Pick<FunctionDocument, 'lastDeployment' | 'stats'>[]): boolean {
  return ownFunctions(functions).length === 0 && functions.every(({ stats }) => (stats?.invocations ?? 0) === 0);
}

/** The first steps that have been taken, now or before. */
export function doneSteps({ functions: all, schedules }: ChecklistFacts, { done }: ChecklistMemory): readonly StepId[] {
  const functions = ownFunctions(all);
  const isTrue: Readonly<Record<StepId, boolean>> = {
    deploy: functions.length > 0,
    call: functions.some((fn) => (fn.stats?.invocations ?? 0) > 0),
    change: functions.some((fn) => fn.latestVersion > 1),
    schedule: schedules > 0,
  };
  return stepIds.filter((id) => isTrue[id] || done.includes(id));
}

const key = 'hearth.checklist';
const nothing: ChecklistMemory = { isDismissed: false, done: [] };

export function checklistMemory(storage: Pick<Storage, 'getItem'>): ChecklistMemory {
  try {
    const stored: unknown = JSON.parse(storage.getItem(key) ?? 'null');
    if (typeof stored !== 'object' || stored === null) return nothing;
    const { isDismissed, done } = stored as Partial<Record<keyof ChecklistMemory, unknown>>;
    const known = Array.isArray(done) ? stepIds.filter((id) => done.includes(id)) : [];
    return { isDismissed: isDismissed === true, done: known };
  } catch {
    return nothing;
  }
}

const nextKey = 'hearth.next-steps';

/** Whether somebody does not want to see what comes after the first steps, in this browser. */
export const areNextStepsHidden = (storage: Pick<Storage, 'getItem'>): boolean => storage.getItem(nextKey) === 'hidden';

/** Whether there may be steps to show: what this browser remembers does not say that none are left, or that nobody wants to see them. */
export function mayHaveSteps(storage: Pick<Storage, 'getItem'>): boolean {
  const { isDismissed, done } = checklistMemory(storage);
  return !isDismissed && (done.length < stepIds.length || !areNextStepsHidden(storage));
}

export const hideNextSteps = (storage: Pick<Storage, 'setItem'>): void => keep(storage, nextKey, 'hidden');

export const rememberChecklist = (storage: Pick<Storage, 'setItem'>, memory: ChecklistMemory): void =>
  keep(storage, key, JSON.stringify(memory));

/** A browser without room forgets, and asks again next time. */
function keep(storage: Pick<Storage, 'setItem'>, name: string, text: string): void {
  try {
    storage.setItem(name, text);
  } catch {
    return;
  }
}
