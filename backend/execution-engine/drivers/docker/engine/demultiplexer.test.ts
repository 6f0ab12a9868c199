import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from '../../../../../tests/support/fuzz.ts';
import { demultiplex, FrameParser } from './demultiplexer.ts';

function frame(kind: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = kind;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

describe('FrameParser', () => {
  it('gives back what was framed, wherever the chunks are cut', () => {
    const frames = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.uint8Array({ maxLength: 40 })));
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 13 })), (parts, cuts) => {
        const bytes = Buffer.concat(parts.map(([kind, payload]) => frame(kind, Buffer.from(payload))));
        const got = ['', '', '', ''];
        const parser = new FrameParser((kind, payload) => {
          got[kind] += payload.toString('hex');
        });
        for (let at = 0; at < bytes.length; ) {
          const { value } = cuts.next();
          expect(parser.push(bytes.subarray(at, at + value))).toBe(true);
          at += value;
        }
        for (const kind of [0, 1, 2, 3]) {
          const wanted = parts.filter(([k]) => k === kind).map(([, payload]) => Buffer.from(payload).toString('hex'));
          expect(got[kind]).toBe(wanted.join(''));
        }
      }),
      cases(),
    );
  });

  it.each([Buffer.from([4, 0, 0, 0, 0, 0, 0, 1]), Buffer.from([1, 0, 1, 0, 0, 0, 0, 1])])('refuses %j', (header) => {
    expect(new FrameParser(() => undefined).push(header)).toBe(false);
  });
});

describe('demultiplex', () => {
  it('slows the source down while somebody does not read', async () => {
    const source = new PassThrough();
    const { stdout, stderr } = demultiplex(source);
    const chunk = frame(1, Buffer.alloc(64 * 1024));
    let written = 0;
    while (written < 100 && source.write(chunk)) {
      written++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).toBeLessThan(10);
    source.end();
    expect((await text(stdout)).length).toBe((written + 1) * 64 * 1024);
    expect(await text(stderr)).toBe('');
  });

  it('ends both streams when the source breaks or is no stream of frames', async () => {
    for (const spoil of [
      (source: PassThrough) => source.destroy(new Error('broken')),
      (source: PassThrough) => source.write('HTTP/1.1 200'),
    ]) {
      const source = new PassThrough();
      const { stdout, stderr } = demultiplex(source);
      spoil(source);
      expect(await Promise.all([text(stdout), text(stderr)])).toEqual(['', '']);
      expect(source.destroyed).toBe(true);
    }
  });
});

describe('a stream whose reader is gone', () => {
  it('is dropped, the other one goes on, and errors of the daemon count as stderr', async () => {
    const source = new PassThrough();
    const { stdout, stderr } = demultiplex(source);
    stdout.destroy();
    source.write(frame(1, Buffer.from('nobody reads this')));
    source.write(frame(2, Buffer.from('a')));
    source.end(frame(3, Buffer.from('b')));
    expect(await text(stderr)).toBe('ab');
    expect(stdout.destroyed).toBe(true);
  });

  it('does not hold the source back for ever', async () => {
    const source = new PassThrough();
    const { stdout, stderr } = demultiplex(source);
    for (let i = 0; i < 4; i++) source.write(frame(1, Buffer.alloc(64 * 1024)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(source.isPaused()).toBe(true);
    stdout.destroy();
    source.end(frame(2, Buffer.from('after')));
    expect(await text(stderr)).toBe('after');
  });

  it('takes nothing from a source that goes on after an error', async () => {
    const source = new PassThrough({ autoDestroy: false });
    const { stdout, stderr } = demultiplex(source);
    source.emit('error', new Error('broken'));
    source.write(frame(1, Buffer.from('late')));
    expect(await Promise.all([text(stdout), text(stderr)])).toEqual(['', '']);
  });
});
