import { describe, expect, it } from 'vitest';
import type { EventSchema, ObjectSchema } from './event-schema.ts';
import { asEventSchema, eventSchemaIssues } from './event-schema-check.ts';
import { eventViolations } from './event-violations.ts';

const order = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  title: 'Order',
  required: ['id', 'items'],
  additionalProperties: false,
  properties: {
    id: { type: 'integer', minimum: 1, maximum: 1e20, description: 'Of the shop' },
    rate: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.5 },
    state: { type: 'string', enum: ['open', 'paid'], default: 'open' },
    level: { type: 'integer', enum: [1, 2, 3] },
    code: { type: 'string', pattern: '^[A-Z]{2}\\p{N}+$', minLength: 3, maxLength: 6 },
    day: { type: 'string', format: 'date' },
    at: { type: 'string', format: 'date-time' },
    link: { type: 'string', format: 'uri' },
    mail: { type: 'string', format: 'email' },
    key: { type: 'string', format: 'uuid' },
    gift: { type: 'boolean', default: false },
    items: {
      type: 'array',
      minItems: 1,
      maxItems: 2,
      items: { type: 'object', required: ['sku'], properties: { sku: { type: 'string' } } },
    },
    tags: { type: 'array', items: { type: 'string' }, default: ['a'] },
  },
} as const;

const of = (property: unknown) => ({ type: 'object', properties: { x: property } });
const issuesOf = (schema: unknown) => eventSchemaIssues(schema).map(({ path, message }) => `${path}: ${message}`);

describe('eventSchemaIssues', () => {
  it('finds nothing in what is supported', () => {
    expect(issuesOf(order)).toEqual([]);
    expect(issuesOf({ type: 'object' })).toEqual([]);
    expect(asEventSchema(order)).toBe(order);
    expect(asEventSchema(null)).toBeUndefined();
  });

  it.each([
    ['no schema', 7, ': must be a schema, which is a JSON object'],
    ['another type of event', { type: 'string' }, 'type: must be "object" for the event itself'],
    ['no type', of({ title: 'x' }), 'properties.x.type: must be one of object, array, string'],
    ['types', of({ type: ['string', 'null'] }), 'properties.x.type: must be one of'],
    ['a reference', of({ $ref: '#/x' }), 'properties.x.$ref: is not supported'],
    [
      'a choice of schemas',
      of({ type: 'string', oneOf: [] }),
      'properties.x.oneOf: is not supported for type "string"',
    ],
    ['a keyword of another type', of({ type: 'boolean', minimum: 1 }), 'properties.x.minimum: is not supported'],
    ['inherited names', of({ type: 'string', toString: 1 }), 'properties.x.toString: is not supported'],
    ['a dialect below the root', of({ type: 'string', $schema: 'x' }), 'properties.x.$schema: is not supported'],
    [
      'another dialect',
      { $schema: 'http://json-schema.org/draft-04/schema#', type: 'object' },
      '$schema: must be JSON',
    ],
    ['a pattern', of({ type: 'string', pattern: '(' }), 'properties.x.pattern: must be a regular expression'],
    ['a format', of({ type: 'string', format: 'ipv4' }), 'properties.x.format: must be one of date, date-time'],
    ['a length', of({ type: 'string', minLength: -1 }), 'properties.x.minLength: must be a whole number'],
    ['a range', of({ type: 'number', minimum: 2, maximum: 1 }), 'properties.x.minimum: must not be more than maximum'],
    ['choices', of({ type: 'integer', enum: [1.5] }), 'properties.x.enum: must be a list of 1 to 200 whole numbers'],
    ['twins', of({ type: 'string', enum: ['a', 'a'] }), 'properties.x.enum: must be a list'],
    ['a default', of({ type: 'integer', default: '1' }), 'properties.x.default: does not fit its own schema: A number'],
    ['no items', of({ type: 'array' }), 'properties.x.items: must be a schema'],
    ['properties', { type: 'object', properties: [] }, 'properties: must be schemas by name'],
    ['a missing name', { type: 'object', required: ['x'] }, 'required: names "x", which is not among properties'],
    ['its size', { type: 'object', description: 'é'.repeat(16_385) }, ': must be at most 32 KiB of JSON'],
  ])('refuses %s', (_what, schema, expected) => {
    expect(issuesOf(schema)[0]).toContain(expected);
  });

  it('refuses more properties, and deeper ones, than a form can show', () => {
    const wide = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`p${index}`, { type: 'string' }]));
    expect(issuesOf({ type: 'object', properties: wide })).toEqual(['properties: must be at most 100 properties']);
    const nested = (levels: number): unknown =>
      levels === 1 ? { type: 'object' } : { type: 'object', properties: { items: nested(levels - 1) } };
    expect(issuesOf(nested(10))).toEqual([]);
    expect(issuesOf(nested(11))[0]).toMatch(/: must not be nested deeper than 10 levels$/);
  });
});

describe('eventViolations', () => {
  const violations = (value: unknown, schema: EventSchema = order as unknown as ObjectSchema) =>
    eventViolations(schema, value).map(({ path, message }) => `${path.join('.')}: ${message}`);
  const good = { id: 1, items: [{ sku: 'a' }] };
  const message = (property: keyof typeof order.properties, value: unknown) =>
    violations({ ...good, [property]: value })[0];

  it('says where an event does not fit, and nothing where it does', () => {
    expect(violations(good)).toEqual([]);
    expect(violations({ id: 1.5, other: 1, items: [{}, { sku: 1 }] })).toEqual([
      ': Not among the properties: other',
      'id: A whole number is expected',
      'items.0.sku: Required',
      'items.1.sku: Text is expected',
    ]);
    expect(violations({})).toEqual(['id: Required', 'items: Required']);
    expect(violations([])).toEqual([': An object is expected']);
    expect(violations({ ...good, toString: 1 })).toEqual([': Not among the properties: toString']);
  });

  it.each([
    ['id', 0, 'At least 1'],
    ['id', 1e21, 'At most'],
    ['rate', 0, 'More than 0'],
    ['rate', 1, 'Less than 1'],
    ['state', 'lost', 'One of open, paid'],
    ['level', 4, 'One of 1, 2, 3'],
    ['code', 'A', 'At least 3 characters'],
    ['code', 'ABCDEFG', 'At most 6 characters'],
    ['code', 'ab1', 'Does not match ^[A-Z]'],
    ['day', '2026-02-29', 'A date'],
    ['day', '26-1-1', 'A date'],
    ['at', '2026-01-31T24:00:00Z', 'A time'],
    ['at', '2026-01-31T09:30:00', 'A time'],
    ['at', '2026-02-30T09:30:00Z', 'A time'],
    ['link', 'example.com', 'An address'],
    ['mail', 'ada', 'An e-mail address'],
    ['key', '123', 'A UUID'],
    ['gift', 'true', 'True or false'],
    ['items', [], 'At least 1 entry'],
    ['items', [{ sku: 'a' }, { sku: 'b' }, { sku: 'c' }], 'At most 2 entries'],
    ['items', {}, 'A list is expected'],
    ['tags', [1], 'Text is expected'],
  ] as const)('%s: %j', (property, value, expected) => {
    expect(message(property, value)).toContain(`: ${expected}`);
  });

  it.each([
    ['code', 'AB١'],
    ['day', '2028-02-29'],
    ['at', '2026-01-31T23:59:60.5+05:30'],
    ['link', 'urn:isbn:0451450523'],
    ['mail', 'ada@example.com'],
    ['key', '123E4567-e89b-12d3-a456-426614174000'],
    ['id', 2 ** 63],
  ] as const)('%s takes %s', (property, value) => {
    expect(message(property, value)).toBeUndefined();
  });
});
