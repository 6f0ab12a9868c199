import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Agent } from './agent-loop.ts';
import type { ChannelStream } from './channel-stream.ts';
import { Patience, rehearseLife } from './rehearsal.ts';

const before = { cwd: process.cwd(), argv: process.argv, execArgv: process.execArgv, tmp: process.env['TMPDIR'] };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-rehearsal-'));
  process.env['TMPDIR'] = folder;
});
afterEach(() => {
  process.argv = before.argv;
  process.execArgv = before.execArgv;
  if (before.tmp === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before.tmp;
  rmSync(folder, { recursive: true, force: true });
});

describe('a rehearsed life of an agent', () => {
  it.each(['index.mjs', 'index.cjs'])('loads and calls a version (%s), and leaves nothing behind', async (file) => {
    const ended: number[] = [];
    let answers = 0;
    await rehearseLife(
      (stream) => {
        const counted: ChannelStream = {
          begin: (receive, lost) => stream.begin(receive, lost),
          write: (buffers) => {
            answers += buffers.length;
            return stream.write(buffers);
          },
          end: (done) => stream.end(done),
        };
        return new Agent(counted, '/agent.cjs', undefined, (code) => ended.push(code));
      },
      file,
      new Patience(),
    );
    // READY, and one for each call.
    expect(answers).toBe(7);
    expect(readdirSync(folder)).toEqual([]);
    expect(process.cwd()).toBe(before.cwd);
    // Its end is not the end of the process.
    expect(ended).toEqual([]);
  });

  it('is given up soon when nothing comes back and the real life is due', async () => {
    const streams: ChannelStream[] = [];
    const patience = new Patience();
    const silent = rehearseLife((stream) => streams.push(stream), 'index.mjs', patience);
    patience.hurry();
    await expect(silent).rejects.toThrow('the rehearsal took too long');
    const lost = vi.fn();
    streams[0]?.begin(() => undefined, lost);
    expect(lost).toHaveBeenCalled();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is given up when its agent is, and leaves nothing behind either', async () => {
    await expect(rehearseLife((stream) => stream.end(() => undefined), 'index.mjs', new Patience())).rejects.toThrow(
      'the socket ended',
    );
    expect(readdirSync(folder)).toEqual([]);
    expect(process.cwd()).toBe(before.cwd);
  });
});
