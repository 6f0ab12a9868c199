import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ChannelStream, DuplexStream, pipeBeneath } from './channel-stream.ts';

let folder: string;
let host: Socket;
let agent: Socket;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-channel-'));
  const server = createServer({ allowHalfOpen: true });
  const accepted = new Promise<Socket>((accept) => server.once('connection', accept));
  await new Promise<void>((listening) => server.listen(join(folder, 'host'), listening));
  const socket = connect({ path: join(folder, 'host'), allowHalfOpen: true });
  agent = socket;
  await new Promise<void>((connected) => socket.once('connect', connected));
  host = await accepted;
  server.close();
});
afterEach(() => {
  host.destroy();
  agent.destroy();
  rmSync(folder, { recursive: true, force: true });
});

const large = 4 * 1024 * 1024;

function pattern(bytes: number): Buffer {
  return Buffer.alloc(bytes, 'abcdefg');
}

describe.each([
  ['a stream of Node', (socket: Socket): ChannelStream => new DuplexStream(socket)],
  ['the pipe beneath it', pipeBeneath],
])('the channel over %s', (_, open) => {
  it('brings what the host sends, in order, and tells of its end', async () => {
    const stream = open(agent);
    const got: Buffer[] = [];
    const lost = vi.fn();
    stream.begin((bytes) => got.push(bytes), lost);
    host.write('one,');
    host.write(pattern(large));
    host.end(',end');
    await expect.poll(() => lost.mock.calls.length).toBeGreaterThan(0);
    const all = Buffer.concat(got);
    expect(all.equals(Buffer.concat([Buffer.from('one,'), pattern(large), Buffer.from(',end')]))).toBe(true);
  });

  it('sends in order, and says when the memory may be used again', async () => {
    const stream = open(agent);
    stream.begin(
      () => undefined,
      () => undefined,
    );
    expect(stream.write([Buffer.from('a'), Buffer.from('b')])).toBe(true);
    // More than the kernel takes at once: what is left is read later.
    expect(stream.write([pattern(large), Buffer.from('c')])).toBe(false);
    const done = new Promise<void>((resolve) => stream.end(resolve));
    const got: Buffer[] = [];
    for await (const chunk of host) got.push(chunk as Buffer);
    await done;
    const all = Buffer.concat(got);
    expect(all.equals(Buffer.concat([Buffer.from('ab'), pattern(large), Buffer.from('c')]))).toBe(true);
  });

  it('is lost when the host breaks it', async () => {
    const stream = open(agent);
    const lost = vi.fn();
    stream.begin(() => undefined, lost);
    host.destroy();
    await expect.poll(() => lost.mock.calls.length).toBeGreaterThan(0);
    // What is written then hurts nobody.
    stream.write([Buffer.from('x')]);
  });
});

it('takes no pipe from a socket that is not connected', () => {
  agent.destroy();
  expect(() => pipeBeneath(agent)).toThrow('not connected');
});
