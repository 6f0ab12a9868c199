import { interpreted } from './compilers.ts';

/** Divides the 2 ** 48 - 1 that Node draws from, so that it refuses none of its values and draws again: one draw takes one value. */
const integerRange = 3;

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
  interpreted(() => {
    areEmpty = stores()
      .map(([draw, values]) => empties(draw, values))
      .every((isEmpty) => isEmpty);
  });
}

/** What `touchGenerators` left. */
let areEmpty = false;
/** The asynchronous id that this process took when its stores were empty; undefined where they may not be. */
let idWithEmptyStores: number | undefined;

/** False if there is something in the store after all. */
function empties(draw: () => void, values: number): boolean {
  for (let i = 0; i < values && !fills(draw); i++);
  const before = takeId();
  for (let i = 1; i < values; i++) draw();
  return takeId() - before === 1;
}

/**
 * Remembers that the stores are empty. To be called in the same turn of the event loop as `touchGenerators`, behind all that takes asynchronous ids: whatever
 * fills a store later takes one, so a copy can tell that nothing did.
 */
export function rememberEmptyStores(): void {
  idWithEmptyStores = areEmpty ? takeId() : undefined;
}

/**
 * After a restore every copy of a snapshot has the same generator state. OpenSSL's starts anew with the next byte (`touchGenerators`), from the
 * guest kernel's, which the host has started anew before. Math.random is replaced by a generator seeded from `entropy` (xoshiro128**, Blackman and Vigna).
 */
export function reseed(entropy: Buffer): void {
  const hasDrawn = idWithEmptyStores === undefined || takeId() !== idWithEmptyStores + 1;
  idWithEmptyStores = undefined;
  process.getBuiltinModule('node:crypto').randomBytes(1);
  // Filling them is a tenth of what an emulated copy does up to its first answer.
  if (hasDrawn) emptyStores();
  Math.random = seeded(entropy);
}

/** The function may have drawn after they were emptied. */
function emptyStores(): void {
  for (const [draw, values] of stores()) {
    if (!fills(draw)) for (let i = 1; i < values; i++) draw();
  }
}

/** The store was empty: filling it is a job of Node's own, which takes an asynchronous id. */
function fills(draw: () => void): boolean {
  const before = takeId();
  draw();
  return takeId() - before > 1;
}

/** The next of the numbers that Node gives to everything asynchronous. */
function takeId(): number {
  const { AsyncResource } = process.getBuiltinModule('node:async_hooks');
  return new AsyncResource('hearth').asyncId();
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
