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
    // For init, behind the program that let it go on.
    const request = '\nsettle\n';
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

describe('freezing a guest', () => {
  it.each([
    ['1', undefined],
    ['0', 'could not be stopped'],
  ])('is done when init says so: %s', async (answer, failure) => {
    const [near, far] = duplexPair();
    far.on('data', () => far.write(`frozen ${answer}\ntime\n`));
    const freezing = new GuestControl(near, { exited: () => undefined }).freeze();
    if (failure === undefined) await freezing;
    else await expect(freezing).rejects.toThrow(failure);
  });
});

describe('the clock of a guest', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['once when the guest is quick', [20], 1],
    ['again when the guest was slow to take it', [6000, 20], 2],
    ['no more than three times', [6000, 6000, 6000, 6000], 3],
  ])('is told %s', async (_what, delaysMs, times) => {
    const [near, far] = duplexPair();
    const { tolds } = guest(far, delaysMs);
    await new GuestControl(near, { exited: () => undefined }, { isRestored: true }).settle();
    expect(tolds).toHaveLength(times);
  });

  it('is told once where it is not to be right', async () => {
    const [near, far] = duplexPair();
    const { tolds } = guest(far, [6000]);
    await new GuestControl(near, { exited: () => undefined }, { isRestored: true }).settle(Date.UTC(2100, 0, 1));
    expect(tolds).toHaveLength(1);
  });
});

describe('requests to a guest that was let go on', () => {
  /** What came until each answer, by the transport. */
  async function askedOver(transport: 'serial' | 'vsock'): Promise<readonly string[]> {
    const [near, far] = duplexPair();
    const control = new GuestControl(near, { exited: () => undefined }, { isRestored: true, transport });
    const asked: string[] = [];
    far.on('data', (chunk: Buffer) => {
      const text = chunk.length === settlementBytes ? 'time' : chunk.toString();
      asked.push(text);
      const answers = { time: 'settled 1', c: 'code 1', 'code\n': 'code 1', 'freeze\n': 'frozen 1\ntime' };
      far.write(`${answers[text.trimStart() as keyof typeof answers] ?? 'usage 1 2 3 4'}\n`);
    });
    await control.settle();
    await control.loadCode();
    await control.usage();
    await control.usage();
    await control.freeze();
    await expect(control.loadCode()).rejects.toMatchObject({ code: 'guest_silent' });
    await control.settle();
    await control.usage();
    return asked;
  }

  it('are for the program that stays, or say that they are for init', async () => {
    const asked = ['time', 'c', '\nusage\n', 'usage\n', 'freeze\n', 'time', '\nusage\n'];
    expect(await askedOver('serial')).toEqual(asked);
  });

  it('are all for init where that program only waits', async () => {
    const asked = ['time', 'code\n', 'usage\n', 'usage\n', 'freeze\n', 'time', 'usage\n'];
    expect(await askedOver('vsock')).toEqual(asked);
  });
});
