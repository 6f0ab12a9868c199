/** How long the parts of a driver's probe may take. Who knows why something takes so long must speak before whoever waits for it gives up. */
const parts = {
  /** A daemon that lives answers at once. */
  daemonMs: 15_000,
  /** A sandbox with an image that has to be made first, which makes the machine busy. */
  sandboxMs: 60_000,
  /** A sandbox that tries to reach what it must not, with what the first one left. */
  networkMs: 30_000,
} as const;

export const probeTimes = {
  ...parts,
  /** The whole of it, for a driver that hangs in spite of its own limits. */
  wholeMs: parts.sandboxMs + parts.networkMs + 5000,
} as const;
