import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Agent } from './agent-loop.ts';
import { rehearseLife } from './rehearsal.ts';

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
    await rehearseLife((stream: Duplex) => {
      const { write } = stream;
      stream.write = (...given: never) => {
        answers++;
        return write.apply(stream, given);
      };
      return new Agent(stream, '/agent.cjs', undefined, (code) => ended.push(code));
    }, file);
    // READY, and one for each call.
    expect(answers).toBe(7);
    expect(readdirSync(folder)).toEqual([]);
    expect(process.cwd()).toBe(before.cwd);
    // Its end is not the end of the process.
    await expect.poll(() => new Set(ended)).toEqual(new Set([69]));
  });

  it('is given up in time when nothing comes back', async () => {
    const agents: Duplex[] = [];
    const silent = rehearseLife((stream) => agents.push(stream), 'index.mjs');
    await expect(silent).rejects.toThrow('the rehearsal took too long');
    expect(agents[0]?.destroyed).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is given up when its agent is, and leaves nothing behind either', async () => {
    await expect(rehearseLife((stream) => stream.destroy(), 'index.mjs')).rejects.toThrow('the socket ended');
    expect(readdirSync(folder)).toEqual([]);
    expect(process.cwd()).toBe(before.cwd);
  });
});
