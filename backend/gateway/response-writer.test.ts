import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Exchange } from './http/exchange.ts';
import { ResponseWriter } from './response-writer.ts';

/** Takes everything and says nothing. */
const exchange = { isOver: false, start: () => undefined, write: () => undefined } as unknown as Exchange;
const headOf = (status: number) => ({ status, headers: ['x-a', 'b'], isEventResult: false });
const writerOf = () => new ResponseWriter(exchange, 'inv_1', undefined);

describe('what came of a response', () => {
  it('is nothing before the head, and all of one that came at once', () => {
    const writer = writerOf();
    expect(writer.seen()).toBeUndefined();
    writer.head(headOf(200));
    void writer.chunk(Buffer.from('whole'));
    expect(writer.seen()).toEqual({ head: headOf(200), body: Buffer.from('whole') });
  });

  it.each([
    [503, Buffer.from('first')],
    [200, undefined],
  ])('of a stream with status %i is %s', async (status, body) => {
    const writer = writerOf();
    writer.head(headOf(status));
    void writer.chunk(Buffer.from('first'));
    await nextTurn();
    await nextTurn();
    void writer.chunk(Buffer.from('second'));
    expect(writer.seen()).toEqual({ head: headOf(status), body });
  });

  it('of a stream whose body begins later is its first piece as well', async () => {
    const writer = writerOf();
    writer.head(headOf(500));
    await nextTurn();
    await nextTurn();
    for (const text of ['first', 'second']) void writer.chunk(Buffer.from(text));
    expect(writer.seen()?.body).toEqual(Buffer.from('first'));
  });
});
