/**
 * After a restore every clone of a snapshot has the same generator state. Math.random is replaced by a generator seeded from
 * `entropy` (xoshiro128**, Blackman and Vigna). OpenSSL's generator cannot be reseeded from JavaScript: drivers that clone must
 * see to it that the guest kernel reseeds.
 */
export function reseed(entropy: Buffer): void {
  const state = new Uint32Array(4);
  for (let i = 0; i + 3 < entropy.length; i += 4) {
    const at = (i / 4) % 4;
    state[at] = Math.imul((state[at] as number) ^ entropy.readUInt32LE(i), 0x9e3779b1) >>> 0;
  }
  if (state.every((word) => word === 0)) state[0] = 1;
  Math.random = () => (next(state) * 2 ** 21 + (next(state) >>> 11)) / 2 ** 53;
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
