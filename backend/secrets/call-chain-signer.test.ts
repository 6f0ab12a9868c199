import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import { cases } from '../../tests/support/fuzz.ts';
import { CallChainSigner } from './call-chain-signer.ts';

const key = randomBytes(32);
const rig = () => {
  const clock = new ManualClock();
  return { clock, signer: new CallChainSigner({ key, clock }), chain: { deadlineAt: clock.now() + 1000, depth: 3 } };
};

describe('tokens of call chains', () => {
  it('are short, fit into a header, and say the same after a restart', () => {
    const { signer, clock, chain } = rig();
    const token = signer.tokenOf(chain);
    expect(token).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(new CallChainSigner({ key, clock }).read(token)).toEqual(chain);
    expect(signer.read(signer.tokenOf({ deadlineAt: chain.deadlineAt + 0.9, depth: 1000 }))).toEqual({
      deadlineAt: chain.deadlineAt,
      depth: 255,
    });
  });

  it('cannot be changed in any bit, nor made with another key', () => {
    const { signer, clock, chain } = rig();
    const bytes = Buffer.from(signer.tokenOf(chain), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const forged = Buffer.from(bytes);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(signer.read(forged.toString('base64url'))).toBeUndefined();
    }
    const stranger = new CallChainSigner({ key: randomBytes(32), clock });
    expect(signer.read(stranger.tokenOf(chain))).toBeUndefined();
    for (const text of ['', 'x', 'a'.repeat(32), 'a'.repeat(33), 'é'.repeat(32), `${bytes.toString('base64url')}\n`])
      expect(signer.read(text)).toBeUndefined();
    expect(signer.ignored).toBe(bytes.length * 8 + 7);
  });

  it('say what they were made of under their key alone, and nothing with a bit turned', () => {
    const keys = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
    const clock = new ManualClock();
    const chains = fc.record({
      deadlineAt: fc.integer({ min: clock.now(), max: 2 ** 48 - 1 }),
      depth: fc.nat(255),
    });
    fc.assert(
      fc.property(keys, keys, chains, fc.nat(24 * 8 - 1), (own, other, chain, bit) => {
        const signer = new CallChainSigner({ key: own, clock });
        const token = signer.tokenOf(chain);
        expect(signer.read(token)).toEqual(chain);
        const forged = Buffer.from(token, 'base64url');
        forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(signer.read(forged.toString('base64url'))).toBeUndefined();
        if (!own.equals(other)) expect(new CallChainSigner({ key: other, clock }).read(token)).toBeUndefined();
      }),
      cases(),
    );
  });

  it('hold for as long as their caller can still be there, and are nothing later', () => {
    const { signer, clock, chain } = rig();
    const token = signer.tokenOf(chain);
    clock.advance(10_999);
    expect(signer.read(token)).toEqual(chain);
    expect(signer.ignored).toBe(0);
    clock.advance(1);
    expect(signer.read(token)).toBeUndefined();
    expect(signer.ignored).toBe(1);
  });
});

describe('a token that is well signed', () => {
  /** Signed as the platform does, whatever it claims. */
  const signed = (claim: Buffer) =>
    Buffer.concat([claim, createHmac('sha256', key).update(claim).digest().subarray(0, 16)]).toString('base64url');
  const claim = (format: number, depth: number, deadlineAt: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt8(format, 0);
    bytes.writeUInt8(depth, 1);
    bytes.writeUIntBE(deadlineAt, 2, 6);
    return bytes;
  };

  it('is one of this format', () => {
    const { signer, clock } = rig();
    const deadlineAt = clock.now() + 7;
    expect(signer.read(signed(claim(1, 9, deadlineAt)))).toEqual({ depth: 9, deadlineAt });
    for (const format of [0, 2]) expect(signer.read(signed(claim(format, 9, deadlineAt)))).toBeUndefined();
    expect(signer.ignored).toBe(2);
  });

  it('is good until ten seconds after its deadline', () => {
    const { signer, clock, chain } = rig();
    const token = signer.tokenOf(chain);
    clock.advance(1000 + 9999);
    expect(signer.read(token)).toEqual(chain);
    clock.advance(1);
    expect(signer.read(token)).toBeUndefined();
  });

  it('holds any deadline that there can be', () => {
    const { signer, clock } = rig();
    expect(signer.read(signer.tokenOf({ deadlineAt: Number.MAX_SAFE_INTEGER, depth: 0 }))).toEqual({
      deadlineAt: 2 ** 48 - 1,
      depth: 0,
    });
    expect(signer.read(signer.tokenOf({ deadlineAt: -5, depth: 0 }))).toBeUndefined();
    expect(signer.tokenOf({ deadlineAt: -5, depth: 0 })).toBe(signed(claim(1, 0, 0)));
    expect(clock.now()).toBeGreaterThan(0);
  });
});
