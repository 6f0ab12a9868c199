import { useState } from 'react';

const storageKey = 'hearth.rail';

/** Whether the navigation shows icons alone; remembered in this browser. */
export function useRail(): readonly [boolean, (isCompact: boolean) => void] {
  const [isCompact, setIsCompact] = useState(() => localStorage.getItem(storageKey) === 'compact');
  const set = (next: boolean) => {
    localStorage.setItem(storageKey, next ? 'compact' : 'wide');
    setIsCompact(next);
  };
  return [isCompact, set];
}
