const integerRange = 2 ** 32;

/** What Node draws ahead and keeps (lib/internal/crypto/random.js), with how many values at once. */
function stores(): readonly (readonly [draw: () => void, values: number])[] {
  const { randomInt, randomUUID } = process.getBuiltinModule('node:crypto');
  return [
    [() => randomUUID(), 128],
    [() => randomInt(integerRange), 1024],
  ];
}

/**
 * Makes OpenSSL's generators of this process remember the time of now, and leaves nothing in the stores. The host has put the clock far ahead: a generator
 * starts anew when the clock is behind the time of its last start (OpenSSL, providers/implementations/rands/drbg.c), which is so in every copy. JavaScript
 * cannot ask for it in another way. Stores are emptied here because it costs hundreds of milliseconds in an emulated guest, and copies must be quick.
 */
export function touchGenerators(): void {
  process.getBuiltinModule('node:crypto').randomBytes(1);
  unoptimised(() => {
    for (const [draw, values] of stores()) {
      for (let i = 0; i < values && !fills(draw); i++);
      for (let i = 1; i < values; i++) draw();
    }
  });
}

/** Otherwise V8 begins to optimise these loops in the background, and every copy goes on with that. */
function unoptimised(work: () => void): void {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  const compilers = ['opt', 'maglev', 'sparkplug'];
  for (const name of compilers) setFlagsFromString(`--no-${name}`);
  work();
  for (const name of compilers) setFlagsFromString(`--${name}`);
}

/**
 * After a restore every copy of a snapshot has the same generator state. OpenSSL's starts anew with the next byte (`touchGenerators`), from the
 * guest kernel's, which the host has started anew before. Math.random is replaced by a generator seeded from `entropy` (xoshiro128**, Blackman and Vigna).
 */
export function reseed(entropy: Buffer): void {
  process.getBuiltinModule('node:crypto').randomBytes(1);
  for (const [draw, values] of stores()) {
    // The function may have drawn after the store was emptied.
    if (!fills(draw)) for (let i = 1; i < values; i++) draw();
  }
  Math.random = seeded(entropy);
}

/** The store was empty: filling it is a job of Node's own, which takes an asynchronous id. */
function fills(draw: () => void): boolean {
  const { AsyncResource } = process.getBuiltinModule('node:async_hooks');
  const before = new AsyncResource('hearth').asyncId();
  draw();
  return new AsyncResource('hearth').asyncId() - before > 1;
}

function seeded(entropy: Buffer): () => number {
  const state = new Uint32Array(4);
  for (let i = 0; i + 3 < entropy.length; i += 4) {
    const at = (i / 4) % 4;
    state[at] = Math.imul((state[at] as number) ^ entropy.readUInt32LE(i), 0x9e3779b1) >>> 0;
  }
  if (state.every((word) => word === 0)) state[0] = 1;
  return () => (next(state) * 2 ** 21 + (next(state) >>> 11)) / 2 ** 53;
}

function next(state: Uint32Array): number {
  const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = state;
  const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
  state[0] = s0 ^ s3 ^ s1;
  state[1] = s1 ^ s2 ^ s0;
  state[2] = s2 ^ s0 ^ (s1 << 9);
  state[3] = rotate(s3 ^ s1, 11);
  return result;
}

function rotate(word: number, bits: number): number {
  return ((word << bits) | (word >>> (32 - bits))) >>> 0;
}
