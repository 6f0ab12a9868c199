import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { RenewableStream } from './renewable-stream.ts';

const tick = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

describe('a stream whose far end is called anew', () => {
  it('keeps what is written meanwhile, in order, and does not notice the end of the one before', async () => {
    const stream = new RenewableStream();
    const [first, farFirst] = duplexPair();
    const [second, farSecond] = duplexPair();
    const heard: string[] = [];
    stream.on('data', (chunk: Buffer) => heard.push(String(chunk)));
    stream.attach(first);
    stream.write('one');
    farFirst.write('hello');
    await tick();
    expect(String(farFirst.read())).toBe('one');
    stream.hold();
    for (const word of ['two ', 'three ', 'four']) stream.write(word);
    first.destroy();
    await tick();
    expect(stream.destroyed).toBe(false);
    stream.attach(second);
    farSecond.write('again');
    await tick();
    expect(String(farSecond.read())).toBe('two three four');
    expect(heard).toEqual(['hello', 'again']);
  });

  it.each(['ends', 'breaks'])('ends when its source %s', async (how) => {
    const stream = new RenewableStream();
    const [near, far] = duplexPair();
    stream.attach(near);
    stream.resume();
    const closed = new Promise((resolve) => stream.once('close', resolve));
    if (how === 'ends') far.end();
    else near.destroy();
    await closed;
    expect(near.destroyed || near.writableEnded).toBe(true);
  });

  it('slows its source down while nobody reads', async () => {
    const stream = new RenewableStream();
    const [near, far] = duplexPair();
    stream.attach(near);
    for (let count = 0; count < 64; count++) far.write(Buffer.alloc(64 * 1024));
    for (let turn = 0; turn < 100; turn++) await tick();
    expect(far.writableLength).toBeGreaterThan(1024 * 1024);
    stream.resume();
    await new Promise((resolve) => far.once('drain', resolve));
    stream.destroy();
  });
});
