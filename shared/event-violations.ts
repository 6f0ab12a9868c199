import {
  compiledPattern,
  type EventPath,
  type EventSchema,
  isNumber,
  isRecord,
  isText,
  type NumberSchema,
  type ObjectSchema,
  type StringFormat,
  type StringSchema,
} from './event-schema.ts';

export interface EventViolation {
  readonly path: EventPath;
  /** A sentence without its stop. */
  readonly message: string;
}

/** Where an event does not fit its schema: each place once, in the order of the schema. */
export function eventViolations(schema: EventSchema, value: unknown, path: EventPath = []): readonly EventViolation[] {
  const own = (message: string | undefined) => (message === undefined ? [] : [{ path, message }]);
  switch (schema.type) {
    case 'object':
      return isRecord(value) ? objectViolations(schema, value, path) : own('An object is expected');
    case 'array':
      if (!Array.isArray(value)) return own('A list is expected');
      return [
        ...own(lengthViolation(value.length, schema.minItems, schema.maxItems, 'entry', 'entries')),
        ...value.flatMap((item, index) => eventViolations(schema.items, item, [...path, index])),
      ];
    case 'boolean':
      return own(typeof value === 'boolean' ? undefined : 'True or false is expected');
    case 'string':
      return own(isText(value) ? textViolation(schema, value) : 'Text is expected');
    case 'number':
    case 'integer':
      return own(isNumber(value) ? numberViolation(schema, value) : 'A number is expected');
  }
}

function objectViolations(
  { properties = {}, required = [], additionalProperties }: ObjectSchema,
  value: Readonly<Record<string, unknown>>,
  path: EventPath,
): readonly EventViolation[] {
  const others = Object.keys(value).filter((name) => !Object.hasOwn(properties, name));
  const message = `Not among the properties: ${others.join(', ')}`;
  return [
    ...(additionalProperties === false && others.length > 0 ? [{ path, message }] : []),
    ...Object.entries(properties).flatMap(([name, property]) => {
      if (Object.hasOwn(value, name)) return eventViolations(property, value[name], [...path, name]);
      return required.includes(name) ? [{ path: [...path, name], message: 'Required' }] : [];
    }),
  ];
}

function lengthViolation(length: number, least = 0, most = Number.POSITIVE_INFINITY, one: string, many: string) {
  if (length < least) return `At least ${least} ${least === 1 ? one : many}`;
  return length > most ? `At most ${most} ${most === 1 ? one : many}` : undefined;
}

function textViolation({ enum: choices, format, pattern, minLength, maxLength }: StringSchema, value: string) {
  if (choices !== undefined && !choices.includes(value)) return `One of ${choices.join(', ')}`;
  if (format !== undefined && !formatChecks[format].isRight(value)) return formatChecks[format].message;
  const tooLong = lengthViolation([...value].length, minLength, maxLength, 'character', 'characters');
  if (tooLong !== undefined || pattern === undefined) return tooLong;
  return compiledPattern(pattern)?.test(value) === false ? `Does not match ${pattern}` : undefined;
}

function numberViolation(schema: NumberSchema, value: number) {
  const { type, enum: choices, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (choices !== undefined && !choices.includes(value)) return `One of ${choices.join(', ')}`;
  if (type === 'integer' && !Number.isInteger(value)) return 'A whole number is expected';
  if (minimum !== undefined && value < minimum) return `At least ${minimum}`;
  if (maximum !== undefined && value > maximum) return `At most ${maximum}`;
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return `More than ${exclusiveMinimum}`;
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) return `Less than ${exclusiveMaximum}`;
  return undefined;
}

/** RFC 3339: a date that is in the calendar. */
function isDate(value: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const at = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(value);
}
function isDateTime(value: string): boolean {
  const found =
    /^(\d{4}-\d{2}-\d{2})[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/.exec(
      value,
    );
  return found !== null && isDate(found[1] ?? '');
}

const formatChecks: Readonly<Record<StringFormat, { isRight: (value: string) => boolean; message: string }>> = {
  date: { isRight: isDate, message: 'A date such as 2026-01-31' },
  'date-time': { isRight: isDateTime, message: 'A time such as 2026-01-31T09:30:00Z' },
  email: { isRight: (value) => /^[^\s@]+@[^\s@]+$/.test(value), message: 'An e-mail address' },
  uri: {
    isRight: (value) => /^[a-z][a-z0-9+.-]*:\S+$/i.test(value) && URL.canParse(value),
    message: 'An address with its scheme, such as https://example.com/',
  },
  uuid: {
    isRight: (value) => /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(value),
    message: 'A UUID such as 123e4567-e89b-12d3-a456-426614174000',
  },
};
