import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventStreamParser, type StreamEvent } from './event-stream.ts';

function parse(...pieces: readonly string[]): StreamEvent[] {
  const parser = new EventStreamParser();
  return pieces.flatMap((piece) => [...parser.push(piece)]);
}

describe('EventStreamParser', () => {
  it('reads events with name, id and several lines of data', () => {
    expect(parse('event: log\nid: 7\ndata: one\ndata: two\n\n')).toEqual([{ event: 'log', data: 'one\ntwo', id: '7' }]);
  });

  it('keeps the last id for events without one, as a reconnect needs it', () => {
    expect(parse('id: 1\ndata: a\n\ndata: b\n\n').map((event) => event.id)).toEqual(['1', '1']);
  });

  it('ignores comments, unknown fields, events without data, and what is not finished', () => {
    expect(parse(': ping\n\nfoo: bar\n\nevent: x\n\ndata: cut')).toEqual([]);
  });

  it('takes off one space only, and understands a field without a colon', () => {
    expect(parse('data:  a\ndata\n\n')[0]?.data).toBe(' a\n');
  });

  it('remembers the wait that the server asks for', () => {
    const parser = new EventStreamParser();
    parser.push('retry: 2500\nretry: soon\n\n');
    expect(parser.retryMs).toBe(2500);
  });

  it('gives the same events however the stream is cut and whatever ends its lines', () => {
    const text = fc.stringMatching(/^[a-z0-9 :]{0,12}$/);
    const events = fc.array(fc.record({ data: fc.array(text, { minLength: 1, maxLength: 3 }), id: fc.nat(999) }), {
      maxLength: 6,
    });
    const ends = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(events, ends, fc.array(fc.nat(200), { maxLength: 12 }), (list, end, cuts) => {
        const stream = list
          .map(({ data, id }) => [`id: ${id}`, ...data.map((line) => `data: ${line}`), '', ''].join(end))
          .join('');
        const places = [...new Set([0, ...cuts.map((cut) => Math.min(cut, stream.length)), stream.length])].sort(
          (a, b) => a - b,
        );
        const pieces = places.slice(1).map((place, index) => stream.slice(places[index], place));
        expect(parse(...pieces, 'x')).toEqual(
          list.map(({ data, id }) => ({ event: 'message', data: data.join('\n'), id: String(id) })),
        );
      }),
    );
  });
});
