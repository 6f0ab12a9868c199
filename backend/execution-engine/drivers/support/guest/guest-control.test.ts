import { type Duplex, duplexPair } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GuestControl } from './guest-control.ts';

const settlementBytes = 80;

/** Init's end: takes the time as often as it is told, each time so many ms after it was. */
function guest(stream: Duplex, delaysMs: readonly number[]): { readonly tolds: number[] } {
  let now = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const tolds: number[] = [];
  let bytes = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    const request = 'settle\n';
    if (bytes.toString('latin1', 0, request.length) === request) {
      bytes = bytes.subarray(request.length);
      stream.write('time\n');
    }
    if (bytes.length < settlementBytes) return;
    tolds.push(now);
    now += delaysMs[tolds.length - 1] ?? 0;
    bytes = bytes.subarray(settlementBytes);
    stream.write('settled 1\n');
  });
  return { tolds };
}

describe('the clock of a guest', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['once when the guest is quick', [20], 1],
    ['again when the guest was slow to take it', [6000, 20], 2],
    ['no more than three times', [6000, 6000, 6000, 6000], 3],
  ])('is told %s', async (_what, delaysMs, times) => {
    const [near, far] = duplexPair();
    const { tolds } = guest(far, delaysMs);
    await new GuestControl(near, { exited: () => undefined }, true).settle();
    expect(tolds).toHaveLength(times);
  });

  it('is told once where it is not to be right', async () => {
    const [near, far] = duplexPair();
    const { tolds } = guest(far, [6000]);
    await new GuestControl(near, { exited: () => undefined }, true).settle(Date.UTC(2100, 0, 1));
    expect(tolds).toHaveLength(1);
  });
});
