import type { ErrorIssue } from './errors.ts';
import {
  compiledPattern,
  type EventSchema,
  eventSchemaLimits,
  isNumber,
  isRecord,
  isText,
  type ObjectSchema,
  stringFormats,
} from './event-schema.ts';
import { eventViolations } from './event-violations.ts';
import { KiB } from './limits.ts';

const types = ['object', 'array', 'string', 'number', 'integer', 'boolean'] as const;
type TypeName = (typeof types)[number];

/** What is wrong with a keyword's value, or undefined. */
type Check = (value: unknown) => string | undefined;
const checkThat =
  (isRight: (value: unknown) => boolean, must: string): Check =>
  (value) =>
    isRight(value) ? undefined : `must be ${must}`;

const text = checkThat(isText, 'text');
const flag = checkThat((value) => typeof value === 'boolean', 'true or false');
const number = checkThat(isNumber, 'a number');
const count = checkThat((value) => Number.isSafeInteger(value) && Number(value) >= 0, 'a whole number, 0 or more');
const anything: Check = () => undefined;
const choicesOf = (isChoice: (value: unknown) => boolean, what: string) =>
  checkThat(
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.length <= eventSchemaLimits.maxChoices &&
      new Set(value).size === value.length &&
      value.every(isChoice),
    `a list of 1 to ${eventSchemaLimits.maxChoices} ${what}, each once`,
  );
const names = checkThat(
  (value) => Array.isArray(value) && value.every(isText) && new Set(value).size === value.length,
  'a list of names of properties, each once',
);
const pattern: Check = (value) =>
  isText(value) && value.length <= 500 && compiledPattern(value) !== undefined
    ? undefined
    : 'must be a regular expression (ECMA-262, Unicode) of at most 500 characters';

const described: Readonly<Record<string, Check>> = {
  type: anything,
  title: text,
  description: text,
  default: anything,
  examples: checkThat(Array.isArray, 'a list'),
  $comment: text,
};
const ofRoot: Readonly<Record<string, Check>> = {
  $schema: checkThat(
    (value) =>
      isText(value) && /^https?:\/\/json-schema\.org\/(draft\/2020-12|draft\/2019-09|draft-07)\/schema#?$/.test(value),
    'JSON Schema draft 2020-12, 2019-09 or 07',
  ),
  $id: text,
};
const numeric = { minimum: number, maximum: number, exclusiveMinimum: number, exclusiveMaximum: number };
const keywords: Readonly<Record<TypeName, Readonly<Record<string, Check>>>> = {
  object: { properties: anything, required: names, additionalProperties: flag },
  array: { items: anything, minItems: count, maxItems: count },
  string: {
    enum: choicesOf(isText, 'texts'),
    format: checkThat(
      (value) => stringFormats.some((format) => format === value),
      `one of ${stringFormats.join(', ')}`,
    ),
    minLength: count,
    maxLength: count,
    pattern,
  },
  number: { enum: choicesOf(isNumber, 'numbers'), ...numeric },
  integer: { enum: choicesOf(Number.isInteger, 'whole numbers'), ...numeric },
  boolean: {},
};

const everyKeyword = new Set([described, ofRoot, ...Object.values(keywords)].flatMap((known) => Object.keys(known)));

/** What keeps a value from being a schema of the supported part, by dotted path; empty when it is one. Never throws. */
export function eventSchemaIssues(schema: unknown): readonly ErrorIssue[] {
  if (new TextEncoder().encode(JSON.stringify(schema) ?? '').length > eventSchemaLimits.maxBytes)
    return [{ path: '', message: `must be at most ${eventSchemaLimits.maxBytes / KiB} KiB of JSON` }];
  const issues: ErrorIssue[] = [];
  checkSchema(schema, [], 1, issues);
  if (issues.length === 0 && (schema as EventSchema).type !== 'object')
    issues.push({ path: 'type', message: 'must be "object" for the event itself' });
  return issues;
}

/** The schema, if it is one of the supported part. */
export const asEventSchema = (schema: unknown): ObjectSchema | undefined =>
  schema !== null && eventSchemaIssues(schema).length === 0 ? (schema as ObjectSchema) : undefined;

function checkSchema(schema: unknown, path: readonly string[], level: number, issues: ErrorIssue[]): void {
  const issue = (keyword: string | undefined, message: string) =>
    issues.push({ path: [...path, ...(keyword === undefined ? [] : [keyword])].join('.'), message });
  if (!isRecord(schema)) return void issue(undefined, 'must be a schema, which is a JSON object');
  if (level > eventSchemaLimits.maxDepth)
    return void issue(undefined, `must not be nested deeper than ${eventSchemaLimits.maxDepth} levels`);
  const type = types.find((name) => name === schema['type']);
  if (type === undefined) {
    const foreign = Object.keys(schema).filter((keyword) => !everyKeyword.has(keyword));
    for (const keyword of foreign) issue(keyword, 'is not supported');
    return void issue('type', `must be one of ${types.join(', ')}`);
  }
  const before = issues.length;
  checkKeywords(schema, type, path, issues);
  if (type === 'object') checkProperties(schema, path, level, issues);
  if (type === 'array') checkSchema(schema['items'], [...path, 'items'], level + 1, issues);
  if (issues.length > before) return;
  for (const [low, high] of orders) {
    const [least, most] = [schema[low], schema[high]];
    if (isNumber(least) && isNumber(most) && least > most) issue(low, `must not be more than ${high}`);
  }
  if (schema['default'] === undefined) return;
  const [misfit] = eventViolations(schema as unknown as EventSchema, schema['default']);
  if (misfit !== undefined) issue('default', `does not fit its own schema: ${misfit.message}`);
}

const orders = [
  ['minimum', 'maximum'],
  ['minLength', 'maxLength'],
  ['minItems', 'maxItems'],
] as const;

function checkKeywords(
  schema: Readonly<Record<string, unknown>>,
  type: TypeName,
  path: readonly string[],
  issues: ErrorIssue[],
): void {
  const supported = { ...described, ...keywords[type] };
  const known: Readonly<Record<string, Check>> = path.length === 0 ? { ...supported, ...ofRoot } : supported;
  const foreign = `is not supported for type "${type}"; supported are ${Object.keys(supported).join(', ')}`;
  for (const [keyword, value] of Object.entries(schema)) {
    const message = Object.hasOwn(known, keyword) ? known[keyword]?.(value) : foreign;
    if (message !== undefined) issues.push({ path: [...path, keyword].join('.'), message });
  }
}

function checkProperties(
  schema: Readonly<Record<string, unknown>>,
  path: readonly string[],
  level: number,
  issues: ErrorIssue[],
): void {
  const { properties = {}, required } = schema;
  const at = [...path, 'properties'];
  if (!isRecord(properties)) return void issues.push({ path: at.join('.'), message: 'must be schemas by name' });
  const all = Object.entries(properties);
  if (all.length > eventSchemaLimits.maxProperties) {
    const message = `must be at most ${eventSchemaLimits.maxProperties} properties`;
    return void issues.push({ path: at.join('.'), message });
  }
  for (const [name, property] of all) checkSchema(property, [...at, name], level + 1, issues);
  const missing = Array.isArray(required)
    ? required.find((name) => !Object.hasOwn(properties, String(name)))
    : undefined;
  if (missing === undefined) return;
  const message = `names ${JSON.stringify(missing)}, which is not among properties`;
  issues.push({ path: [...path, 'required'].join('.'), message });
}
