import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}) => void;

/** Start-up is over by then, examples deployed and sandboxes pre-warmed. */
const afterMs = 5000;

/**
 * Gives back, once, what only the start needed: parsed modules, schemas' scratch objects, tables of functions as the database sent
 * them. V8 would keep it until the heap grows again, which an idle platform never makes it do. Takes some 50 ms, five seconds after the start.
 */
export function releaseStartMemory(): void {
  setTimeout(() => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as Collect;
    setFlagsFromString('--no-expose-gc');
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  }, afterMs).unref();
}
