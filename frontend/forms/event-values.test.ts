import { describe, expect, it } from 'vitest';
import type { ObjectSchema } from '../../shared/event-schema.ts';
import { eventOf, firstValue, isJsonNumber, pathKey, readEvent, whyFull } from './event-values.ts';

const schema: ObjectSchema = {
  type: 'object',
  required: ['id', 'place', 'lines'],
  properties: {
    id: { type: 'integer' },
    state: { type: 'string', enum: ['open', 'paid'], default: 'paid' },
    note: { type: 'string' },
    place: {
      type: 'object',
      required: ['city'],
      properties: { city: { type: 'string' }, country: { type: 'string', default: 'NO' } },
    },
    gift: { type: 'object', properties: { text: { type: 'string', default: 'x' } } },
    lines: { type: 'array', items: { type: 'object', properties: { count: { type: 'integer', default: 1 } } } },
  },
};

describe('values of an event', () => {
  it('begin with defaults and what is required, and make nothing up', () => {
    expect(JSON.parse(eventOf(schema))).toEqual({ state: 'paid', place: { country: 'NO' }, lines: [] });
    expect(JSON.parse(eventOf({ ...schema, default: { id: 7 } }))).toEqual({ id: 7 });
    expect(eventOf({ type: 'object' })).toBe('{}');
  });

  it('that somebody adds are JSON of their type', () => {
    expect(JSON.parse(firstValue({ type: 'object', properties: { a: { type: 'boolean', default: true } } }))).toEqual({
      a: true,
    });
    expect(firstValue({ type: 'string', enum: ['b', 'a'] })).toBe('"b"');
    expect(firstValue({ type: 'integer', minimum: 3 })).toBe('3');
    expect(firstValue({ type: 'number', maximum: -2 })).toBe('-2');
    expect(firstValue({ type: 'number', default: 0.5, minimum: 0 })).toBe('0.5');
    expect(firstValue({ type: 'boolean' })).toBe('false');
    expect(firstValue({ type: 'array', items: { type: 'string' } })).toBe('[]');
  });

  it('are told with what does not fit, by place', () => {
    const read = readEvent(schema, '{"id": 1.5, "place": {}, "lines": [{"count": "2"}]}');
    expect(Object.fromEntries(read?.violations ?? [])).toEqual({
      [pathKey(['id'])]: 'A whole number is expected',
      [pathKey(['place', 'city'])]: 'Required',
      [pathKey(['lines', 0, 'count'])]: 'A number is expected',
    });
    for (const text of ['{"id":', '[]', '7']) expect(readEvent(schema, text)).toBeUndefined();
  });

  it('say when a list is full, and what a number is', () => {
    const list = { type: 'array', items: { type: 'string' }, maxItems: 2 } as const;
    expect([whyFull(list, 1), whyFull(list, 2)]).toEqual([undefined, 'At most 2']);
    for (const text of ['0', '-0.50', '12345678901234567890', '1e+6']) expect(isJsonNumber(text), text).toBe(true);
    for (const text of ['', '-', '1.', '.5', '+1', '007', '1,5', 'NaN', '0x1'])
      expect(isJsonNumber(text), text).toBe(false);
  });
});
