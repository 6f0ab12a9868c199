import { describe, expect, it } from 'vitest';
import { KeptBody } from './kept-body.ts';

const event = { status: 200, headers: [], isEventResult: true };

describe('KeptBody', () => {
  it('keeps an event result as it is', () => {
    const kept = new KeptBody({ maxBytes: 100, next: undefined });
    kept.head(event);
    void kept.chunk(Buffer.from('{"a":'));
    void kept.chunk(Buffer.from('1}'));
    expect(kept.json()?.toString()).toBe('{"a":1}');
  });

  it('turns an HTTP response into a document, binary bodies as base64', () => {
    const kept = new KeptBody({ maxBytes: 100, next: undefined });
    kept.head({ status: 201, headers: ['Set-Cookie', 'a=1', 'set-cookie', 'b=2'], isEventResult: false });
    void kept.chunk(Buffer.from([0xff, 0xfe]));
    expect(JSON.parse(kept.json()?.toString() ?? '')).toEqual({
      statusCode: 201,
      headers: { 'set-cookie': 'a=1, b=2' },
      body: '//4=',
      isBase64Encoded: true,
    });
  });

  it('leaves out headers with credentials where that is asked for', () => {
    const kept = new KeptBody({ maxBytes: 100, next: undefined, leavesOutCredentials: true });
    kept.head({ status: 200, headers: ['Set-Cookie', 'a=1', 'x-b', 'c'], isEventResult: false });
    expect(JSON.parse(kept.json()?.toString() ?? '').headers).toEqual({ 'x-b': 'c' });
  });

  it('keeps nothing over the limit, but passes everything on with its back-pressure', async () => {
    const seen: Buffer[] = [];
    const full = Promise.resolve();
    const next = {
      head: () => undefined,
      chunk: (data: Buffer) => {
        seen.push(data);
        return full;
      },
    };
    const kept = new KeptBody({ maxBytes: 3, next });
    kept.head(event);
    expect(kept.chunk(Buffer.from('12'))).toBe(full);
    void kept.chunk(Buffer.from('34'));
    expect(kept.json()).toBeUndefined();
    expect(Buffer.concat(seen).toString()).toBe('1234');
  });

  it('is nothing when there was no response', () => {
    expect(new KeptBody({ maxBytes: 3, next: undefined }).json()).toBeUndefined();
  });
});
