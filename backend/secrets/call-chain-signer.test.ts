import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
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
