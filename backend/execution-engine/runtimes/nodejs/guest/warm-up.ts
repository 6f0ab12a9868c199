import { keepCompiled } from './compilers.ts';
import { cancelTimer, later, startTimer } from './originals.ts';
import { type ConnectAgent, Patience, rehearseLife } from './rehearsal.ts';

/** An INIT that is due comes sooner than this; an agent that waits longer was started ahead and has time. */
const idleMs = 25;

/** The same in a copy of a guest, where everything is slow at first: one that was not restored ahead gets its version before. */
const idleCopyMs = 500;

/** Whole lives that are rehearsed: until V8 has compiled what every start runs through. A millisecond or two each. */
const rehearsals = ['index.cjs', ...Array.from({ length: 3 }, () => 'index.mjs')];
/** What V8 has compiled, an emulated copy has; but not what its processor's emulator made of it. */
const rehearsalsOfCopies = ['index.cjs', 'index.mjs'];

/** Importing anything at all sets up the loader of ES modules. */
const emptyModule: string = 'data:text/javascript,0';

/** Loads Node's fetch classes, which takes tens of milliseconds; better before READY than in the first call. */
export function warmUpFetch(): void {
  void new Request('http://localhost/', { method: 'POST', body: 'x' }).body;
  void new Response('x').body;
}

/** Stacks in the words of what the user wrote. Packages are left out: their maps are large and rarely wanted. */
export function enableSourceMaps(): void {
  const { setSourceMapsSupport } = process.getBuiltinModule('node:module');
  if (setSourceMapsSupport === undefined) process.setSourceMapsEnabled(true);
  else setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
}

/** What an agent does that waits for its version. */
export interface WarmUp {
  /** Ends it; gives a promise when a step is at work, which must be over before anything is loaded in earnest. */
  readonly stop: () => Promise<void> | undefined;
  /** Resolves when all steps are done, or it was ended. */
  readonly over: Promise<void>;
}

/**
 * What an agent that was started ahead of any version does while it waits: loads the parts of Node that functions need and rehearses, one step per
 * turn of the event loop. A copy of one that has done so (`isCopy`) only rehearses.
 */
export function warmUpWhileIdle(connect: ConnectAgent, isCopy = false): WarmUp {
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const patience = new Patience();
  let canRehearse = true;
  const rehearse = async (file: string): Promise<void> => {
    if (!canRehearse) return;
    canRehearse = false;
    await rehearseLife(connect, file, patience);
    // The agent that rehearsed has let go of it.
    keepCompiled();
    canRehearse = true;
  };
  const preparations: (() => unknown)[] = [
    keepCompiled,
    () => process.getBuiltinModule('node:util').inspect({ a: [1, 'b'] }),
    () => process.getBuiltinModule('node:module').createRequire('/'),
    () => import(emptyModule),
    enableSourceMaps,
    ...rehearsals.map((file) => () => rehearse(file)),
    warmUpFetch,
  ];
  const steps = isCopy ? rehearsalsOfCopies.map((file) => () => rehearse(file)) : preparations;
  let running: Promise<void> | undefined;
  const next = () => {
    const step = steps.shift();
    if (step === undefined) {
      end();
      return;
    }
    const done = () => {
      running = undefined;
      later(next);
    };
    running = Promise.resolve(step()).then(done, done);
  };
  const timer = startTimer(next, isCopy ? idleCopyMs : idleMs);
  timer.unref();
  const stop = () => {
    steps.length = 0;
    cancelTimer(timer);
    end();
    if (running !== undefined) patience.hurry();
    return running;
  };
  return { stop, over };
}
