import { useState } from 'react';
import { folderOf, isWithin, movedTo, partedAt, renamed } from '../util/file-tree.ts';
import type { Files } from './draft.ts';
import { fileNameError } from './names.ts';

type Asking = { readonly kind: 'new' | 'rename'; readonly path: string } | undefined;

/** What somebody who comes to the code wants to see: where the function begins, as it is named by custom. */
function firstFile(paths: readonly string[]): string {
  const sorted = paths.toSorted();
  return sorted.find((path) => /^(index|main|app|bootstrap)(\.|$)/.test(path)) ?? sorted[0] ?? '';
}

export interface FileTreeTarget {
  readonly files: Files;
  readonly onChange: (files: Files) => void;
}

/** Which line and which file are shown, what is asked for, and what can be brought back. */
export function useFileTree({ files, onChange }: FileTreeTarget) {
  const paths = Object.keys(files);
  const [chosen, setChosen] = useState('');
  const [active, setActive] = useState('');
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = useState<Asking>();
  const [removed, setRemoved] = useState<{ readonly path: string; readonly files: Files } | undefined>();
  const [refusal, setRefusal] = useState<string | undefined>();
  const [focusTick, setFocusTick] = useState(0);
  const current = paths.includes(chosen) ? chosen : firstFile(paths);
  const goTo = (path: string) => {
    setAsking(undefined);
    setRefusal(undefined);
    setActive(path);
    setFocusTick((tick) => tick + 1);
  };
  const reveal = (path: string) => setClosed(new Set([...closed].filter((folder) => !isWithin(path, folder))));
  const rename = (from: string, to: string) => {
    setRemoved(undefined);
    onChange(renamed(files, from, to));
    if (isWithin(current, from)) setChosen(to + current.slice(from.length));
    reveal(to);
    goTo(to);
  };
  return {
    paths,
    current,
    closed,
    asking,
    removed,
    /** Why something was not moved. */
    refusal,
    focusTick,
    /** What a command is about: the line that Tab reaches. */
    active: paths.some((path) => isWithin(path, active)) && active !== '' ? active : current,
    setActive,
    setClosed,
    setAsking,
    choose: setChosen,
    /** Shows a file in the editor and in the tree, and leaves the focus where it is. */
    open: (path: string) => {
      setChosen(path);
      setActive(path);
      reveal(path);
    },
    cancel: () => goTo(active),
    add: (path: string) => {
      setRemoved(undefined);
      onChange({ ...files, [path]: '' });
      setChosen(path);
      reveal(path);
      goTo(path);
    },
    rename,
    /** Into a folder, or with an empty one to the top. */
    move: (from: string, folder: string) => {
      const to = movedTo(from, folder);
      if (to === undefined) return;
      const problem = fileNameError(to, partedAt(files, from).others);
      if (problem === undefined) rename(from, to);
      else setRefusal(`${from} was not moved to ${to}: ${problem}`);
    },
    remove: (path: string) => {
      const { within, others } = partedAt(files, path);
      // A function without a file is none.
      if (Object.keys(others).length === 0) return;
      setRemoved({ path, files: within });
      onChange(others);
      goTo(folderOf(path));
    },
    bringBack: () => {
      if (removed === undefined) return;
      onChange({ ...files, ...removed.files });
      setRemoved(undefined);
      goTo(removed.path);
    },
  };
}
