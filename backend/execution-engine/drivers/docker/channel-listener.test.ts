import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ChannelListener } from './channel-listener.ts';

const directory = mkdtempSync(join(tmpdir(), 'hearth-channel-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const { signal } = new AbortController();

describe('ChannelListener', () => {
  it('takes one connection and no second, keeping what came before anybody reads', async () => {
    const path = join(directory, 'one');
    const listener = await ChannelListener.open(path);
    const agent = connect(path);
    agent.write('hello');
    const channel = await listener.connect(signal);
    expect(existsSync(path)).toBe(false);
    await expect(new Promise((_, reject) => connect(path).once('error', reject))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    const [chunk] = (await new Promise((resolve) => channel.once('data', (data) => resolve([data])))) as [Buffer];
    expect(chunk.toString()).toBe('hello');
    listener.close('over');
    expect(channel.destroyed).toBe(false);
    listener.sever();
    expect(channel.destroyed).toBe(true);
    agent.destroy();
  });

  it('rejects when nobody comes', async () => {
    const listener = await ChannelListener.open(join(directory, 'two'));
    const waiting = listener.connect(signal);
    const aborted = listener.connect(AbortSignal.abort());
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    listener.close('it exited with code 127');
    await expect(waiting).rejects.toMatchObject({ code: 'sandbox_gone', message: expect.stringContaining('127') });
  });

  it('says which setting makes a path shorter', async () => {
    await expect(ChannelListener.open(`/${'x'.repeat(107)}`)).rejects.toMatchObject({
      message: expect.stringContaining('HEARTH_RUN_DIR'),
    });
  });
});
