import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}) => void;

/** Start-up is over by then, examples deployed and sandboxes pre-warmed. */
const afterMs = 4000;
/** A platform that works for more of a second than this has calls that would wait, and a heap that V8 collects anyway. */
const lookMs = 1000;
const busyPart = 0.25;

/**
 * Gives back, once, what only the start needed: parsed modules, schemas' scratch objects, tables of functions as the database sent
 * them. V8 would keep it until the heap grows again, which an idle platform never makes it do. Takes some 50 ms, in which nothing else happens: five
 * seconds after the start, or after the first second in which there is little to do.
 */
export function releaseStartMemory(release: () => void = collectAll): void {
  const look = (): void => {
    const before = performance.eventLoopUtilization();
    setTimeout(() => {
      if (performance.eventLoopUtilization(before).utilization > busyPart) look();
      else release();
    }, lookMs).unref();
  };
  setTimeout(look, afterMs).unref();
}

function collectAll(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
