import { setFlagsFromString } from 'node:v8';

/**
 * How much the old generation may grow, in per cent of what was alive after the last collection of it, before the next one. V8 chooses between 10
 * and 300 by how much a thread allocates, and 30 from the first collection after a quiet time on.
 */
const growingPercent = 100;

/**
 * Makes collections of everything rare in this process, all threads: they take 25 ms each, in which calls wait, and came 1.5 times in a second under load. What a call
 * allocates dies young. V8 takes objects of some places in the code for long-lived, puts them among the old ones at once and does not change its mind; told not to,
 * it fills the old generation a fifth as fast (measured in docs/performance.md). For a process that serves calls, when its program is loaded: with these settings on its
 * command line Node does not take its own compiled code, and starts 7 ms later.
 */
export function makeFullCollectionsRare(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
}
