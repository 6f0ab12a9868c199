import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { GuestControl } from '../support/guest/guest-control.ts';
import type { LoadedSnapshot } from '../support/guest/snapshot-store.ts';
import { Holdings } from '../support/holdings.ts';
import type { Cgroup } from '../support/jail/cgroup.ts';
import type { Slot } from '../support/jail/slots.ts';
import { endOf } from '../support/process-end.ts';
import type { QemuProcess } from './launch.ts';
import type { QmpClient } from './qmp-client.ts';
import { WaitingQemu } from './waiting-qemu.ts';

const snapshot = {} as LoadedSnapshot;
const awaited = { snapshot, fit: 'a shape' };
const [soon, long] = [2000, 700_000];

/** One that notes what is freed of it. */
class FakeQemu extends EventEmitter implements Pick<ChildProcess, 'pid' | 'exitCode' | 'signalCode'> {
  readonly pid = 1;
  exitCode: number | null = null;
  readonly signalCode = null;
  readonly freed: string[] = [];
  readonly kill = (): boolean => {
    this.exit();
    return true;
  };

  get process(): QemuProcess {
    const child = this as unknown as ChildProcess;
    const holdings = new Holdings();
    for (const what of ['slot', 'control group']) holdings.hold(what, () => this.freed.push(what));
    return {
      child,
      ended: endOf(child),
      holdings,
      cgroup: { kill: () => true, processes: () => [] } as unknown as Cgroup,
      slot: {} as Slot,
      memory: undefined,
      network: undefined,
      qmp: {} as QmpClient,
      control: {} as GuestControl,
      agentExit: new Promise(() => undefined),
    };
  }

  exit(): void {
    this.exitCode = 1;
    this.emit('exit', 1, null);
  }
}

let left: (readonly string[])[];
let waiting: WaitingQemu;
beforeEach(() => {
  vi.useFakeTimers();
  left = [];
  waiting = new WaitingQemu({ onLeft: (failures) => left.push(failures) });
});
afterEach(async () => {
  await waiting.close();
  vi.useRealTimers();
});

const keep = async (qemu: FakeQemu, what = awaited, getReady = async () => {}): Promise<void> => {
  waiting.keep(what, async () => qemu.process, getReady);
  await vi.advanceTimersByTimeAsync(soon);
};

it('gives the one that waits to one copy of its snapshot and its shape, and to nobody else', async () => {
  const qemu = new FakeQemu();
  expect(waiting.take(awaited)).toBeUndefined();
  await keep(qemu);
  expect(waiting.take({ ...awaited, fit: 'another shape' })).toBeUndefined();
  expect(waiting.take({ ...awaited, snapshot: {} as LoadedSnapshot })).toBeUndefined();
  expect(waiting.take(awaited)?.child).toBe(qemu);
  expect(waiting.take(awaited)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(long);
  expect(qemu.freed).toEqual([]);
});

it('keeps one at a time, begins none where one waits already, and frees what makes room', async () => {
  const [first, second] = [new FakeQemu(), new FakeQemu()];
  await keep(first);
  const again = vi.fn(async () => second.process);
  waiting.keep(awaited, again, async () => {});
  await vi.advanceTimersByTimeAsync(soon);
  expect(again).not.toHaveBeenCalled();
  const other = { snapshot, fit: 'another shape' };
  await keep(second, other);
  expect(first.freed).toEqual(['control group', 'slot']);
  expect(waiting.take(awaited)).toBeUndefined();
  expect(waiting.take(other)?.child).toBe(second);
});

it('frees one that ends, one that nobody takes, and the one that waits when the driver is closed', async () => {
  const [dead, unused, last] = [new FakeQemu(), new FakeQemu(), new FakeQemu()];
  await keep(dead);
  dead.exit();
  expect(waiting.take(awaited)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(0);
  expect(dead.freed).toEqual(['control group', 'slot']);
  await keep(unused);
  await vi.advanceTimersByTimeAsync(long);
  expect(unused.freed).toEqual(['control group', 'slot']);
  await keep(last);
  await waiting.close();
  expect(last.freed).toEqual(['control group', 'slot']);
  expect(left).toEqual([[], [], []]);
  const begin = vi.fn(async () => last.process);
  waiting.keep(awaited, begin, async () => {});
  await vi.advanceTimersByTimeAsync(soon);
  expect(begin).not.toHaveBeenCalled();
});

it('tells the one that gets ready when the driver is closed, and frees it', async () => {
  const qemu = new FakeQemu();
  const untilClosed = (_qemu: QemuProcess, closing: AbortSignal) =>
    new Promise<void>((_resolve, reject) => closing.addEventListener('abort', () => reject(new Error('closed'))));
  waiting.keep(awaited, async () => qemu.process, untilClosed);
  await vi.advanceTimersByTimeAsync(soon);
  expect(waiting.isThere).toBe(false);
  await waiting.close();
  expect(qemu.freed).toEqual(['control group', 'slot']);
});

it('goes without when none can be begun', async () => {
  waiting.keep(
    awaited,
    () => Promise.reject(new Error('no slot')),
    async () => {},
  );
  await vi.advanceTimersByTimeAsync(soon);
  expect(waiting.take(awaited)).toBeUndefined();
  const lost = new FakeQemu();
  await keep(lost, awaited, () => Promise.reject(new Error('it has ended')));
  expect(waiting.take(awaited)).toBeUndefined();
  expect(lost.freed).toEqual(['control group', 'slot']);
  const qemu = new FakeQemu();
  await keep(qemu);
  expect(waiting.take(awaited)?.child).toBe(qemu);
});
