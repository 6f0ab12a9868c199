import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutputLine } from '../../../core/ports/sandbox.ts';
import { LineSplitter } from './line-splitter.ts';
import { OutputReader } from './output-reader.ts';

function split(chunks: readonly Buffer[], maxLineBytes = 16): { text: string; cut: boolean }[] {
  const lines: { text: string; cut: boolean }[] = [];
  const splitter = new LineSplitter({ maxLineBytes, onLine: (text, cut) => lines.push({ text, cut }) });
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

async function collect(reader: OutputReader): Promise<OutputLine[]> {
  const lines: OutputLine[] = [];
  for await (const line of reader) lines.push(line);
  return lines;
}

describe('LineSplitter', () => {
  it('gives the same lines however the bytes are cut into chunks', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '\n', '\r', '\0', '😀', '\u001b'), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(20), { maxLength: 20 }), (whole, sizes) => {
        const bytes = Buffer.from(whole);
        const chunks: Buffer[] = [];
        let at = 0;
        for (const size of sizes) {
          chunks.push(bytes.subarray(at, at + size));
          at = Math.min(bytes.length, at + size);
        }
        chunks.push(bytes.subarray(at));
        expect(split(chunks)).toEqual(split([bytes]));
      }),
    );
  });

  it('cuts at the limit without breaking a character, and drops the rest of that line alone', () => {
    expect(split([Buffer.from('aaaaaaaaaaaaaaaé and more\nnext\n')])).toEqual([
      { text: 'aaaaaaaaaaaaaaa', cut: true },
      { text: 'next', cut: false },
    ]);
    expect(split([Buffer.alloc(1000, 'x'), Buffer.alloc(1000, 'x'), Buffer.from('\nz')])).toEqual([
      { text: 'x'.repeat(16), cut: true },
      { text: 'z', cut: false },
    ]);
  });

  it('replaces invalid UTF-8 and keeps control characters', () => {
    expect(split([Buffer.from([0xff, 0x00, 0x1b, 0x0d, 0x0a])])).toEqual([{ text: '\ufffd\0\u001b', cut: false }]);
  });
});

describe('OutputReader', () => {
  const limits = {
    maxLineBytes: 100,
    burstBytes: 1000,
    keptBytesPerSecond: 0,
    trickleIntervalMs: 1,
    maxQueuedBytes: 10_000,
  };

  it('keeps the burst, drops the rest, says so once, and never blocks the writer for ever', async () => {
    const reader = new OutputReader(limits);
    const source = new PassThrough();
    reader.attach('stdout', source);
    for (let i = 0; i < 50; i++) {
      if (!source.write(`${'x'.repeat(99)}\n`)) await new Promise((resolve) => source.once('drain', resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    source.end();
    const lines = await collect(reader);
    expect(lines.slice(0, -1).every((line) => !line.truncated && line.text.length === 99)).toBe(true);
    expect(lines.length).toBe(11);
    expect(lines.at(-1)).toMatchObject({ text: '', truncated: true });
  });

  it('bounds what waits when nobody reads', async () => {
    const reader = new OutputReader({ ...limits, burstBytes: 1e9, maxQueuedBytes: 1000 });
    for (let i = 0; i < 10_000; i++) reader.push('stderr', 'line');
    reader.end();
    expect((await collect(reader)).length).toBeLessThan(20);
  });

  it('reads what is left at once when the writers are gone', async () => {
    const reader = new OutputReader({ ...limits, burstBytes: 1, trickleIntervalMs: 3_600_000 });
    const source = new PassThrough();
    reader.attach('stdout', source);
    source.write('first\n');
    await new Promise((resolve) => setImmediate(resolve));
    source.write('second\n');
    await new Promise((resolve) => setImmediate(resolve));
    source.end('third\n');
    void reader.finish();
    await reader.over;
    expect((await collect(reader)).map((line) => line.truncated)).toEqual([false, true]);
  });

  it('gives back at once what a pipe was read into, kept and dropped, and leaves the chunks of others alone', async () => {
    const reader = new OutputReader(limits);
    const { stdout } = spawn('printf', ['%s\\n%01500d\\n', 'kept', '1'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const others = new PassThrough();
    const chunks = { pipe: [] as Buffer[], others: [] as Buffer[] };
    reader.attach('stdout', stdout);
    reader.attach('stderr', others);
    stdout.on('data', (chunk: Buffer) => chunks.pipe.push(chunk));
    others.on('data', (chunk: Buffer) => chunks.others.push(chunk));
    const written = Buffer.alloc(6, 'other\n');
    others.end(Buffer.from(new Uint8Array(written).buffer));
    expect((await collect(reader)).map((line) => line.text)).toEqual(expect.arrayContaining(['kept', 'other']));
    expect(chunks.pipe.map((chunk) => chunk.buffer.byteLength)).toEqual(chunks.pipe.map(() => 0));
    expect(chunks.pipe.length).toBeGreaterThan(0);
    expect(chunks.others).toEqual([written]);
  });

  it('shows every kept line to the listener', () => {
    const seen: string[] = [];
    const reader = new OutputReader(limits, (line) => seen.push(line.text));
    reader.push('stdout', 'a');
    reader.push('stderr', 'b');
    expect(seen).toEqual(['a', 'b']);
  });
});
