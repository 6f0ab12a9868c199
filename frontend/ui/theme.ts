import { useSyncExternalStore } from 'react';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const storageKey = 'hearth.theme';
const listeners = new Set<() => void>();
const darkQuery = globalThis.matchMedia?.('(prefers-color-scheme: dark)');
darkQuery?.addEventListener('change', () => notify());

function notify(): void {
  for (const listener of listeners) listener();
}

function stored(): Theme {
  const value = localStorage.getItem(storageKey);
  return themes.find((theme) => theme === value) ?? 'system';
}

export function applyTheme(theme: Theme = stored()): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(storageKey, theme);
  applyTheme(theme);
  notify();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What was chosen. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, stored);
}

/** What is shown, for canvases that cannot use CSS colours. */
export function shownTheme(): 'light' | 'dark' {
  const theme = stored();
  if (theme !== 'system') return theme;
  return darkQuery?.matches === true ? 'dark' : 'light';
}

export function useShownTheme(): 'light' | 'dark' {
  return useSyncExternalStore(subscribe, shownTheme);
}
