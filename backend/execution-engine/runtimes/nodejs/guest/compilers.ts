/** Compilers of V8 that take up in the background what has run often. All are on unless this agent turns them off. */
const optimising = ['opt', 'maglev'];
/** The one that comes first; it waits until there is a batch to compile. */
const baseline = 'sparkplug';
const inBatches = 'baseline-batch-compilation';
/** Throws away what was compiled and has not run for a few collections. */
const forgetting = 'flush-bytecode';

/** Runs `work` in the interpreter. Otherwise V8 begins to optimise its loops in the background, and every copy of a snapshot goes on with that. */
export function interpreted(work: () => void): void {
  without([...optimising, baseline], work);
}

/** What runs often in `work` is compiled when it is over, and nothing of that is left for later. */
export function compiledAtOnce(work: () => void): void {
  without([...optimising, inBatches], work);
}

/** What is off until `releaseCompilers`. */
const held = new Set<string>();

/**
 * V8 forgets nothing that it has compiled until `releaseCompilers`: an agent that waits for its version may wait for long, and has got ready for nothing otherwise.
 * An emulated copy that compiles it again takes longer for that than for all else up to the first answer.
 */
export function keepCompiled(): void {
  hold([forgetting]);
}

/**
 * No compiler begins anything until `releaseCompilers`: what was about to be compiled would be in every copy of a snapshot, and took an emulated one a fifth of its
 * time up to the first answer.
 */
export function holdCompilers(): void {
  hold([...optimising, baseline, forgetting]);
}

/**
 * To be called before calls and other long work of the function's, and before anything is taken that was compiled ahead: flags are part of that. Not before a version
 * is loaded: that mostly runs once, and the compilers would take up the agent's own functions meanwhile, a third of an emulated copy's time for loading.
 */
export function releaseCompilers(): void {
  if (held.size === 0) return;
  turn([...held], true);
  held.clear();
}

function hold(flags: readonly string[]): void {
  for (const flag of flags) held.add(flag);
  turn(flags, false);
}

function without(flags: readonly string[], work: () => void): void {
  turn(flags, false);
  try {
    work();
  } finally {
    turn(flags, true);
  }
}

function turn(flags: readonly string[], isOn: boolean): void {
  const words = flags.map((flag) => `--${isOn ? '' : 'no-'}${flag}`);
  process.getBuiltinModule('node:v8').setFlagsFromString(words.join(' '));
}
