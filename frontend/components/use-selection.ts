import { useState } from 'react';

export interface Selection {
  readonly ids: ReadonlySet<string>;
  toggle(id: string): void;
  /** In place of what was chosen before. */
  choose(ids: Iterable<string>): void;
}

/** Rows of a table that somebody chose, by their keys. */
export function useSelection(): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  return {
    ids,
    toggle: (id) => {
      const next = new Set(ids);
      if (!next.delete(id)) next.add(id);
      setIds(next);
    },
    choose: (chosen) => setIds(new Set(chosen)),
  };
}
