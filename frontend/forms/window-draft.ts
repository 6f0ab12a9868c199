import { type ProvisionedWindow, provisionedWindowSchema, weekdays } from '../../shared/provisioned-windows.ts';

/** Hours in which more instances are kept warm, as the form holds them. */
export interface WindowDraft extends Pick<ProvisionedWindow, 'days' | 'from' | 'to' | 'timeZone'> {
  readonly minInstances: string;
}

/** What is wrong with a window, by field. */
export type WindowErrors = Partial<Record<keyof WindowDraft, string>>;

export const maxWindows = 20;

/** Office hours where the person is. */
export const emptyWindow = (timeZone: string): WindowDraft => ({
  minInstances: '1',
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  from: '08:00',
  to: '18:00',
  timeZone,
});

export const windowDraftOf = ({ minInstances, ...window }: ProvisionedWindow): WindowDraft => ({
  ...window,
  minInstances: String(minInstances),
});

/** What is sent of a checked window: its days in the order of the week. */
export const windowOf = ({ minInstances, days, ...window }: WindowDraft): ProvisionedWindow => ({
  ...window,
  days: weekdays.filter((day) => days.includes(day)),
  minInstances: minInstances.trim() === '' ? Number.NaN : Number(minInstances),
});

/** One entry for each window, empty where nothing is wrong, in the words of the API. */
export function checkWindows(windows: readonly WindowDraft[]): readonly WindowErrors[] {
  return windows.map((window) => {
    const errors: WindowErrors = {};
    for (const { path, message } of provisionedWindowSchema.safeParse(windowOf(window)).error?.issues ?? []) {
      errors[path[0] as keyof WindowDraft] ??= message;
    }
    if (errors.minInstances !== undefined) errors.minInstances = 'A whole number from 1 to 100';
    if (errors.days !== undefined) errors.days = 'Choose at least one day';
    return errors;
  });
}

/** The first thing that is wrong, with the number of the window. */
export function firstWindowError(errors: readonly WindowErrors[]): string | undefined {
  for (const [index, error] of errors.entries()) {
    const [message] = Object.values(error);
    if (message !== undefined) return `Window ${index + 1}: ${message}`;
  }
  return undefined;
}
