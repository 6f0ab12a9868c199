/** How many values Node keeps ready: of `randomUUID`, and of `randomInt` (lib/internal/crypto/random.js). */
const keptIds = 128;
const keptIntegers = 1024;
const integerRange = 2 ** 32;

/**
 * Makes OpenSSL's generators of this process remember the time of now. The host has put the clock far ahead: a generator starts anew when
 * the clock is behind the time of its last start (OpenSSL, providers/implementations/rands/drbg.c), which is so in every copy. JavaScript cannot
 * ask for it in another way.
 */
export function touchGenerators(): void {
  crypto().randomBytes(1);
}

/**
 * After a restore every copy of a snapshot has the same generator state. OpenSSL's starts anew with the next byte (`touchGenerators`), from the
 * guest kernel's, which the host has started anew before; the values that Node keeps ready are used up. Math.random is replaced by a generator seeded
 * from `entropy` (xoshiro128**, Blackman and Vigna).
 */
export function reseed(entropy: Buffer): void {
  const { randomBytes, randomInt, randomUUID } = crypto();
  randomBytes(1);
  for (let i = 0; i < keptIds; i++) randomUUID();
  for (let i = 0; i < keptIntegers; i++) randomInt(integerRange);
  Math.random = seeded(entropy);
}

function crypto() {
  return process.getBuiltinModule('node:crypto');
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
