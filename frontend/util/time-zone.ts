import { useSyncExternalStore } from 'react';

/** Whose clock times are shown in: that of this computer, or UTC. */
export const timeZones = ['local', 'utc'] as const;
export type TimeZone = (typeof timeZones)[number];

const storageKey = 'hearth.time-zone';
const listeners = new Set<() => void>();
let zone: TimeZone = globalThis.localStorage?.getItem(storageKey) === 'utc' ? 'utc' : 'local';

/** Of this browser, remembered. */
export function setTimeZone(next: TimeZone): void {
  zone = next;
  globalThis.localStorage?.setItem(storageKey, next);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What was chosen; what uses it is drawn again when that changes. */
export function useTimeZone(): TimeZone {
  return useSyncExternalStore(subscribe, () => zone);
}

/** The fields of a time on a clock, padded; `ms` since 1970. */
export function wallClock(ms: number, clock: TimeZone) {
  // A time that is moved by the offset of this computer reads, as UTC, what its clock shows.
  const shown = clock === 'utc' ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000;
  const [year = '', month = '', day = '', hours = '', minutes = '', seconds = '', millis = ''] = new Date(shown)
    .toISOString()
    .split(/[-T:.Z]/);
  return { year, month, day, hours, minutes, seconds, millis };
}
