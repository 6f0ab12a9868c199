/** Compilers of V8 that take up in the background what has run often. All are on unless this agent turns them off. */
const optimising = ['opt', 'maglev'];
/** The one that comes first; it waits until there is a batch to compile. */
const baseline = 'sparkplug';
const inBatches = 'baseline-batch-compilation';

/** Runs `work` in the interpreter. Otherwise V8 begins to optimise its loops in the background, and every copy of a snapshot goes on with that. */
export function interpreted(work: () => void): void {
  without([...optimising, baseline], work);
}

/** What runs often in `work` is compiled when it is over, and nothing of that is left for later. */
export function compiledAtOnce(work: () => void): void {
  without([...optimising, inBatches], work);
}

let areHeld = false;

/**
 * No compiler begins anything until `releaseCompilers`: what was about to be compiled would be in every copy of a snapshot, and took an emulated one a fifth of its
 * time up to the first answer.
 */
export function holdCompilers(): void {
  areHeld = true;
  turn([...optimising, baseline], false);
}

/** To be called before anything of the function's runs: flags are part of what was compiled ahead. */
export function releaseCompilers(): void {
  if (!areHeld) return;
  areHeld = false;
  turn([...optimising, baseline], true);
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
