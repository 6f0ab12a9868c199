const storageKey = 'hearth.shortcuts';

/** Whether single keys do something (WCAG 2.1.4: they can be switched off). */
export function areShortcutsOn(storage: Pick<Storage, 'getItem'>): boolean {
  return storage.getItem(storageKey) !== 'off';
}

export function setShortcuts(storage: Pick<Storage, 'setItem' | 'removeItem'>, isOn: boolean): void {
  if (isOn) storage.removeItem(storageKey);
  else storage.setItem(storageKey, 'off');
}

/** A pair of keys such as `g f` has to come within this. */
const pairMs = 1500;

export type ShortcutAction =
  | { readonly kind: 'go'; readonly key: string }
  | { readonly kind: 'row'; readonly step: 1 | -1 }
  | { readonly kind: 'range' | 'live' | 'help' | 'choose' };

const singles: Readonly<Record<string, ShortcutAction>> = {
  j: { kind: 'row', step: 1 },
  k: { kind: 'row', step: -1 },
  x: { kind: 'choose' },
  t: { kind: 'range' },
  l: { kind: 'live' },
  '?': { kind: 'help' },
};

/** Makes actions of keys, remembering a `g` for a moment. */
export class ShortcutReader {
  #goAt: number | undefined;

  read(key: string, now: number): ShortcutAction | undefined {
    const isSecond = this.#goAt !== undefined && now - this.#goAt <= pairMs;
    this.#goAt = undefined;
    if (isSecond) return { kind: 'go', key };
    if (key === 'g') this.#goAt = now;
    return Object.hasOwn(singles, key) ? singles[key] : undefined;
  }
}
