import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { Dialog } from '../ui/dialog.tsx';
import { areShortcutsOn, type ShortcutAction, ShortcutReader, setShortcuts } from '../util/shortcuts.ts';
import { useSections } from './sections.ts';

const others: readonly (readonly [string, string])[] = [
  ['Ctrl K', 'Search and commands'],
  ['/', 'Go to the filter or search field'],
  ['j  k', 'Next and previous row; Enter opens it'],
  ['x', 'Choose the row, where rows can be chosen'],
  ['t', 'Choose the time of the charts'],
  ['l', 'Live or paused'],
  ['Ctrl S', 'Keep what is in the editor in this browser'],
  ['Ctrl Enter', 'Test what is in the editor'],
  ['Ctrl F', 'Find and replace in the editor; F3: the next'],
  ['Alt G', 'Go to a line of the editor'],
  ['Esc', 'Close; in the editor: Esc, then Tab, leaves it'],
  ['?', 'This list'],
];

/** Moves the focus to the first control of the next or previous row of the page's first table. */
function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main table tbody tr')];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at < 0 ? (step === 1 ? 0 : rows.length - 1) : at + step];
  const target = next?.querySelector<HTMLElement>('a, button');
  target?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

/** Ticks the box of the row that has the focus. */
function chooseRow(): void {
  document.activeElement?.closest('tr')?.querySelector<HTMLElement>('[data-shortcut=select]')?.click();
}

const press = (name: 'range' | 'live') => document.querySelector<HTMLElement>(`[data-shortcut=${name}]`)?.click();

function isTyping(event: KeyboardEvent): boolean {
  const { target } = event;
  const isField =
    target instanceof HTMLElement &&
    target.closest('input:not([type=checkbox]), textarea, select, [contenteditable]') !== null;
  return isField || document.querySelector('[role=dialog]') !== null;
}

function Key({ text }: { readonly text: string }) {
  return <kbd className="rounded border border-line-strong bg-raised px-1.5 py-0.5 font-mono text-xs">{text}</kbd>;
}

/** Single keys for those who know them, with a list of them and a switch. Does nothing while somebody types. */
export function Shortcuts() {
  const navigate = useNavigate();
  const { sections } = useSections();
  const [isOpen, setIsOpen] = useState(false);
  const [isOn, setIsOn] = useState(() => areShortcutsOn(localStorage));
  const reader = useRef(new ShortcutReader());
  const reachable = useRef(sections);
  reachable.current = sections;
  useEffect(() => {
    function act(action: ShortcutAction): boolean {
      if (action.kind === 'row') moveRow(action.step);
      else if (action.kind === 'choose') chooseRow();
      else if (action.kind === 'help') setIsOpen(true);
      else if (action.kind === 'go') {
        const section = reachable.current.find(({ key }) => key === action.key);
        if (section === undefined) return false;
        navigate({ to: section.path }).catch(() => undefined);
      } else press(action.kind);
      return true;
    }
    function onKey(event: KeyboardEvent): void {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event)) return;
      const action = reader.current.read(event.key, event.timeStamp);
      // The list stays reachable when the rest is switched off: it has the switch.
      if (action === undefined || (!isOn && action.kind !== 'help')) return;
      if (act(action)) event.preventDefault();
    }
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [navigate, isOn]);
  return (
    <Dialog isOpen={isOpen} onClose={() => setIsOpen(false)} title="Keyboard">
      <div className="grid gap-x-8 gap-y-4 sm:grid-cols-2">
        <dl className="flex flex-col gap-1.5 text-sm">
          {sections.map(({ key, label }) => (
            <div key={key} className="flex items-center justify-between gap-3">
              <dt>{label}</dt>
              <dd>
                <Key text={`g ${key}`} />
              </dd>
            </div>
          ))}
        </dl>
        <dl className="flex flex-col gap-1.5 text-sm">
          {others.map(([key, label]) => (
            <div key={key} className="flex items-center justify-between gap-3">
              <dt>{label}</dt>
              <dd className="shrink-0">
                <Key text={key} />
              </dd>
            </div>
          ))}
        </dl>
      </div>
      <label className="mt-4 flex min-h-6 items-center gap-2 border-t border-line pt-3 text-sm">
        <input
          type="checkbox"
          className="size-4 accent-accent"
          checked={isOn}
          onChange={(event) => {
            setShortcuts(localStorage, event.target.checked);
            setIsOn(event.target.checked);
          }}
        />
        Single keys do something
      </label>
    </Dialog>
  );
}
