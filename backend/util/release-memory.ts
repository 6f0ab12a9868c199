import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { readonly type: 'major'; readonly execution: 'sync' }) => void;

/** Start-up is mostly over by then. */
const afterMs = 1000;
/** A thread that works for more of a second than this has somebody who would wait, and a heap that V8 collects anyway. */
const lookMs = 1000;
const busyPart = 0.25;

/**
 * Gives back, once, what only the start of this thread needed: parsed modules, schemas' scratch objects, tables of functions as the database sent
 * them. V8 would keep it until the heap grows again, which an idle platform never makes it do: it measures how much a thread allocates from one collection
 * to the next, takes one that has just started for busy, and so never begins to reduce its memory. One collection, in which nothing else happens
 * (some 35 ms in the platform's main thread, 12 in the database's), two seconds after the start or after the first second in which there is little to do. Eight
 * seconds later V8 gives the memory back by itself, in small steps.
 *
 * `release` says whether it could; otherwise it is asked again.
 */
export function releaseStartMemory(release: () => boolean = collect): void {
  const look = (): void => {
    const before = performance.eventLoopUtilization();
    setTimeout(() => {
      if (performance.eventLoopUtilization(before).utilization > busyPart || !release()) look();
    }, lookMs).unref();
  };
  setTimeout(look, afterMs).unref();
}

/** False when another thread has just switched off again what all share. */
function collect(): boolean {
  setFlagsFromString('--expose-gc');
  const major = runInNewContext('globalThis.gc') as Collect | undefined;
  setFlagsFromString('--no-expose-gc');
  major?.({ type: 'major', execution: 'sync' });
  return major !== undefined;
}
