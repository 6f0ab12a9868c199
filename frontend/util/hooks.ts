import { useNavigate, useParams, useRouterState } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { Throttle } from './throttle.ts';
import { fixedRange, type TimeRange, timeRangeOf } from './time-range.ts';

/** Milliseconds since 1970, renewed every `intervalMs`, for texts such as "5 s ago". */
export function useNow(intervalMs = 5000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}

/** The function that the address names. */
export function useNameParam(): string {
  const params: Readonly<Record<string, unknown>> = useParams({ strict: false });
  return String(params['name'] ?? '');
}

export function useIdParam(): string {
  const params: Readonly<Record<string, unknown>> = useParams({ strict: false });
  return String(params['id'] ?? '');
}

/** One value of the address's query, so that every view is a link. An empty value leaves the address. */
export function useUrlValue(key: string): readonly [string, (value: string) => void] {
  const value = useRouterState({
    select: (state) => {
      const search: Readonly<Record<string, unknown>> = state.location.search;
      const found = search[key];
      return found === undefined || found === null ? '' : String(found);
    },
  });
  const navigate = useNavigate();
  const set = useCallback(
    (next: string) => {
      navigate({
        to: '.',
        replace: true,
        search: (before: Readonly<Record<string, unknown>>) => ({ ...before, [key]: next === '' ? undefined : next }),
      }).catch(() => undefined);
    },
    [key, navigate],
  );
  return [value, set];
}

export function useTimeRange(): readonly [TimeRange, (range: TimeRange) => void] {
  const [id, setId] = useUrlValue('range');
  // The same object until the address changes: it is a part of the keys of queries and of what charts depend on.
  const range = useMemo(() => timeRangeOf(id), [id]);
  const set = useCallback((next: TimeRange) => setId(next.id), [setId]);
  return [range, set];
}

/** Chooses a part of the time, in seconds since 1970, as charts give it. */
export function useZoom(): (from: number, to: number) => void {
  const [, setRange] = useTimeRange();
  return useCallback(
    (from: number, to: number) => {
      const range = fixedRange(from * 1000, to * 1000);
      if (range !== undefined) setRange(range);
    },
    [setRange],
  );
}

/** The value once it has not changed for `ms`, so that typing does not ask the platform with every key. */
export function useSettled<T>(value: T, ms = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

/** The value, at most once in `ms`: for what takes long to make of something that changes all the time. */
export function useThrottled<T>(value: T, ms: number): T {
  const [shown, setShown] = useState(value);
  const [throttle] = useState(() => new Throttle({ first: value, ms, emit: setShown }));
  useEffect(() => throttle.push(value), [throttle, value]);
  useEffect(() => () => throttle.stop(), [throttle]);
  return shown;
}

/** Focuses the element with this id when `/` is pressed outside of a field. */
export function useSlashFocus(elementId: string): void {
  useEffect(() => {
    function onKey(event: KeyboardEvent): void {
      const target = event.target;
      const isTyping = target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]');
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
      event.preventDefault();
      document.getElementById(elementId)?.focus();
    }
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [elementId]);
}
