import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { PatientWriter } from './patient-writer.ts';

describe('PatientWriter', () => {
  it('keeps the order and every byte, whatever the reader does', async () => {
    const stream = new PassThrough({ highWaterMark: 10 });
    const writer = new PatientWriter(stream);
    let expected = '';
    for (let i = 0; i < 2000; i++) {
      expected += `${i},`;
      void writer.write(Buffer.from(`${i},`));
    }
    let read = '';
    stream.on('data', (chunk: Buffer) => {
      read += chunk.toString();
    });
    for (let i = 0; i < 100; i++) {
      expected += `-${i}`;
      await writer.write(Buffer.from(`-${i}`));
    }
    writer.flush();
    stream.end();
    await new Promise((resolve) => stream.once('end', resolve));
    expect(read).toBe(expected);
  });

  it('gives everybody one promise and the stream one listener, in time that grows with the bytes alone', async () => {
    let goOn: (() => void) | undefined;
    let written = 0;
    const stream = new Writable({
      highWaterMark: 10,
      write: (chunk: Buffer, _encoding, done) => {
        written += chunk.length;
        goOn = done;
      },
    });
    const writer = new PatientWriter(stream);
    const first = writer.write(Buffer.alloc(100));
    for (let i = 0; i < 200_000; i++) expect(writer.write(Buffer.from('x')) === first).toBe(true);
    expect([stream.listenerCount('drain'), stream.listenerCount('close')]).toEqual([1, 1]);
    let isOver = false;
    void first?.then(() => {
      isOver = true;
    });
    while (!isOver) {
      goOn?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).toBe(200_100);
    expect([stream.listenerCount('drain'), stream.listenerCount('close')]).toEqual([0, 0]);
  });

  it('lets nobody wait for a stream that is gone', async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const writer = new PatientWriter(stream);
    const waiting = writer.write(Buffer.from('abc'));
    void writer.write(Buffer.from('held'));
    stream.destroy();
    await waiting;
    expect(writer.write(Buffer.from('d'))).toBeUndefined();
  });
});
