import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import type { EgressBytes } from '../../core/ports/egress-gate.ts';
import { TrafficMeter } from './traffic-meter.ts';

function rig() {
  const clock = new ManualClock();
  const meter = new TrafficMeter(clock);
  const told: EgressBytes[] = [];
  const open = () => {
    const socket = Object.assign(new EventEmitter(), { bytesWritten: 0, bytesRead: 0 });
    meter.watch(socket as unknown as Socket, (moved) => told.push(moved));
    return socket;
  };
  return { clock, told, open };
}

it('tells every byte once, while a connection is open and when it closes', async () => {
  const { clock, told, open } = rig();
  const socket = open();
  Object.assign(socket, { bytesWritten: 10, bytesRead: 1000 });
  await clock.advance(1_000);
  expect(told).toEqual([{ sentBytes: 10, receivedBytes: 1000 }]);
  await clock.advance(5_000);
  expect(told).toHaveLength(1);
  Object.assign(socket, { bytesWritten: 15 });
  socket.emit('close');
  expect(told.slice(1)).toEqual([{ sentBytes: 5, receivedBytes: 0 }]);
});

it('has no timer while nothing is open', async () => {
  const { clock, open } = rig();
  expect(clock.pendingTimers).toBe(0);
  const sockets = [open(), open()];
  expect(clock.pendingTimers).toBe(1);
  for (const socket of sockets) socket.emit('close');
  await clock.advance(1_000);
  expect(clock.pendingTimers).toBe(0);
  open();
  expect(clock.pendingTimers).toBe(1);
});
