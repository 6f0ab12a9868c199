import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { callOf, closeAll, readyRig, type ScriptedAgent, settle, u32 } from '../../../tests/support/scripted-agent.ts';
import {
  emptyBuffer,
  frameFlags,
  maxTunnelChunkBytes,
  maxTunnels,
  frameTypes as t,
  tunnelCreditBytes,
} from './frames.ts';

afterEach(closeAll);

async function tunnelRig() {
  const tunnels: Duplex[] = [];
  const onTunnel = (stream: Duplex) => {
    stream.on('error', () => undefined);
    tunnels.push(stream);
  };
  const made = await readyRig({}, { onTunnel });
  const open = async (id: number): Promise<Duplex> => {
    const before = tunnels.length;
    made.agent.raw(t.tunnelOpen, id, emptyBuffer);
    await expect.poll(() => tunnels.length).toBe(before + 1);
    return tunnels[before] as Duplex;
  };
  return { ...made, tunnels, open };
}

describe('tunnels', () => {
  it('carry bytes both ways, and end when both sides have', async () => {
    const { agent, open } = await tunnelRig();
    const tunnel = await open(1);
    agent.raw(t.tunnelData, 1, Buffer.from('ping'));
    agent.raw(t.tunnelData, 1, Buffer.from('!'), frameFlags.end);
    expect(Buffer.concat(await tunnel.toArray()).toString()).toBe('ping!');
    tunnel.end('pong');
    expect((await agent.next(t.tunnelData)).payload.toString()).toBe('pong');
    expect((await agent.next(t.tunnelData)).flags).toBe(frameFlags.end);
    await expect.poll(() => tunnel.destroyed).toBe(true);
    expect(agent.frames.filter(({ type }) => type === t.tunnelClose)).toEqual([]);
  });

  it('are closed by either side', async () => {
    const { agent, open, violations } = await tunnelRig();
    const first = await open(1);
    first.destroy();
    expect((await agent.next(t.tunnelClose)).id).toBe(1);
    // What was on its way is dropped.
    agent.raw(t.tunnelData, 1, Buffer.from('late'));
    const second = await open(2);
    agent.raw(t.tunnelClose, 2, emptyBuffer);
    await expect.poll(() => second.destroyed).toBe(true);
    expect(violations).toEqual([]);
  });

  it('die with the connection', async () => {
    const { connection, open } = await tunnelRig();
    const tunnel = await open(1);
    connection.close('the sandbox is gone');
    expect(tunnel.destroyed).toBe(true);
  });

  it('are closed before a snapshot', async () => {
    const { agent, connection, open } = await tunnelRig();
    const tunnel = await open(1);
    const frozen = connection.beforeSnapshot();
    await agent.next(t.beforeSnapshot);
    expect(agent.frames.map(({ type, id }) => [type, id])).toContainEqual([t.tunnelClose, 1]);
    expect(tunnel.destroyed).toBe(true);
    agent.raw(t.beforeSnapshot, 0, emptyBuffer);
    await frozen;
  });

  it('send no more than the credit, and go on when there is more', async () => {
    const { agent, open } = await tunnelRig();
    const tunnel = await open(1);
    tunnel.write(Buffer.alloc(tunnelCreditBytes * 2));
    const sent = () =>
      agent.frames.filter(({ type }) => type === t.tunnelData).reduce((n, f) => n + f.payload.length, 0);
    await expect.poll(sent).toBe(tunnelCreditBytes);
    await settle();
    expect(sent()).toBe(tunnelCreditBytes);
    agent.raw(t.tunnelWindow, 1, u32(50_000));
    await expect.poll(sent).toBe(tunnelCreditBytes + 50_000);
    expect(tunnel.writableLength).toBe(tunnelCreditBytes * 2);
  });

  it('give credit back only for what was read', async () => {
    const { agent, open } = await tunnelRig();
    const tunnel = await open(1);
    for (let sent = 0; sent < tunnelCreditBytes; sent += 32_768) agent.raw(t.tunnelData, 1, Buffer.alloc(32_768));
    await settle();
    expect(agent.frames.filter(({ type }) => type === t.tunnelWindow)).toEqual([]);
    tunnel.resume();
    let granted = 0;
    while (granted < tunnelCreditBytes) granted += (await agent.next(t.tunnelWindow)).payload.readUInt32BE(0);
    expect(granted).toBe(tunnelCreditBytes);
  });

  it.each<[string, (agent: ScriptedAgent) => void]>([
    ['bytes beyond the credit', (a) => [1, 2, 3].map(() => a.raw(t.tunnelData, 1, Buffer.alloc(maxTunnelChunkBytes)))],
    ['a frame that is too long', (a) => a.raw(t.tunnelData, 1, Buffer.alloc(maxTunnelChunkBytes + 1))],
    ['bytes after the end', (a) => [1, 2].map(() => a.raw(t.tunnelData, 1, Buffer.from('x'), frameFlags.end))],
    ['a tunnel that was never opened', (a) => a.raw(t.tunnelData, 9, Buffer.from('x'))],
    ['an id twice', (a) => a.raw(t.tunnelOpen, 1, emptyBuffer)],
    ['a short TUNNEL_WINDOW', (a) => a.raw(t.tunnelWindow, 1, Buffer.alloc(3))],
    ['an OPEN with something in it', (a) => a.raw(t.tunnelOpen, 2, Buffer.from('x'))],
    [
      'too many at once',
      (a) => {
        for (let id = 2; id <= maxTunnels + 1; id++) a.raw(t.tunnelOpen, id, emptyBuffer);
      },
    ],
    [
      'a flood of openings',
      (a) => {
        for (let id = 2; id < 25_000; id++) {
          a.raw(t.tunnelOpen, id, emptyBuffer);
          a.raw(t.tunnelClose, id, emptyBuffer);
        }
      },
    ],
    [
      'a flood of empty frames',
      (a) => {
        for (let i = 0; i < 10_100; i++) a.raw(t.tunnelData, 1, emptyBuffer);
      },
    ],
    [
      'a flood of windows',
      (a) => {
        for (let i = 0; i < 10_100; i++) a.raw(t.tunnelWindow, 1, u32(1));
      },
    ],
  ])('%s: ends this connection alone', async (_name, attack) => {
    const { agent, connection, open, violations, tunnels } = await tunnelRig();
    const other = await tunnelRig();
    const stream = await open(1);
    const result = connection.invoke(callOf());
    await agent.next(t.invoke);
    attack(agent);
    await expect.poll(() => violations.length).toBe(1);
    expect((await result).outcome).toMatchObject({ kind: 'platform-fault', fault: 'protocol' });
    expect(stream.destroyed).toBe(true);
    expect(tunnels.every(({ destroyed }) => destroyed)).toBe(true);
    expect(other.connection.state).toBe('ready');
  });

  it('of an agent that opens many and does not read its answers fill no memory', async () => {
    const { agent, connection, tunnels } = await tunnelRig();
    agent.stream.pause();
    for (let id = 1; id <= 60; id++) agent.raw(t.tunnelOpen, id, emptyBuffer);
    await expect.poll(() => tunnels.length).toBe(60);
    for (const tunnel of tunnels) tunnel.write(Buffer.alloc(tunnelCreditBytes));
    await settle();
    // What a channel takes that nobody reads, and not 60 times the credit.
    const unsent = tunnels.reduce((bytes, { writableLength }) => bytes + writableLength, 0);
    expect(unsent).toBeGreaterThan(50 * tunnelCreditBytes);
    expect(connection.state).toBe('ready');
    agent.stream.resume();
    await expect.poll(() => tunnels.reduce((bytes, { writableLength }) => bytes + writableLength, 0)).toBe(0);
  });
});
