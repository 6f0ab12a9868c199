import { cancelTimer, later, startTimer } from './originals.ts';

/** An INIT that is due comes sooner than this; an agent that waits longer was started ahead and has time. */
const idleMs = 25;

/** Importing anything at all sets up the loader of ES modules. */
const emptyModule: string = 'data:text/javascript,0';

/** Loads Node's fetch classes, which takes tens of milliseconds; better before READY than in the first call. */
export function warmUpFetch(): void {
  void new Request('http://localhost/', { method: 'POST', body: 'x' }).body;
  void new Response('x').body;
}

/**
 * What an agent that was started ahead of any version does while it waits: loads the parts of Node that functions need, one per
 * turn of the event loop. Returns the function that ends it.
 */
export function warmUpWhileIdle(): () => void {
  const steps: (() => unknown)[] = [
    () => process.getBuiltinModule('node:util').inspect({ a: [1, 'b'] }),
    () => process.getBuiltinModule('node:module').createRequire('/'),
    () => import(emptyModule),
    () => void new AbortController().signal,
    warmUpFetch,
  ];
  let isOver = false;
  const next = () => {
    const step = isOver ? undefined : steps.shift();
    if (step === undefined) return;
    Promise.resolve(step()).then(
      () => later(next),
      () => later(next),
    );
  };
  const timer = startTimer(next, idleMs);
  timer.unref();
  return () => {
    isOver = true;
    cancelTimer(timer);
  };
}
