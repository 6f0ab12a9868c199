import type { ArraySchema, EventPath, EventSchema, ObjectSchema } from '../../shared/event-schema.ts';
import { eventViolations } from '../../shared/event-violations.ts';
import { type JsonNode, parseJsonText } from '../util/json-text.ts';

/** An event as a form shows it. */
export interface ReadEvent {
  readonly root: JsonNode;
  /** Where it does not fit its schema: messages by `pathKey`. */
  readonly violations: ReadonlyMap<string, string>;
}

/** One text for each path. */
export const pathKey = (path: EventPath): string => JSON.stringify(path);

/** Undefined when a form cannot show it: it is no JSON, or nothing that has properties. */
export function readEvent(schema: ObjectSchema, text: string): ReadEvent | undefined {
  const root = parseJsonText(text);
  if (root?.kind !== 'object') return undefined;
  const violations = new Map<string, string>();
  for (const { path, message } of eventViolations(schema, JSON.parse(text))) violations.set(pathKey(path), message);
  return { root, violations };
}

/** An event to begin with: defaults, and the objects and lists that are required. What else is required is left to be filled in. */
export const eventOf = (schema: ObjectSchema): string => JSON.stringify(beginningOf(schema), null, 2);

function beginningOf(schema: EventSchema): unknown {
  if (schema.default !== undefined) return schema.default;
  if (schema.type === 'array') return [];
  if (schema.type !== 'object') return undefined;
  const begun = Object.entries(schema.properties ?? {}).filter(
    ([name, property]) => property.default !== undefined || schema.required?.includes(name) === true,
  );
  return Object.fromEntries(begun.map(([name, property]) => [name, beginningOf(property)]));
}

/** What a value begins with when somebody adds it, as JSON: lists have no holes. */
export function firstValue(schema: EventSchema): string {
  const begun = beginningOf(schema);
  if (begun !== undefined) return JSON.stringify(begun, null, 2);
  if (schema.type === 'boolean') return 'false';
  if (schema.type === 'string') return JSON.stringify(schema.enum?.[0] ?? '');
  if (schema.type === 'number' || schema.type === 'integer')
    return String(schema.enum?.[0] ?? schema.minimum ?? Math.min(0, schema.maximum ?? 0));
  return 'null';
}

/** Why another entry cannot be added, or undefined. */
export function whyFull({ maxItems }: ArraySchema, count: number): string | undefined {
  return maxItems !== undefined && count >= maxItems ? `At most ${maxItems}` : undefined;
}

/** A number as JSON writes it: RFC 8259, 6. It is written to the event as it is typed. */
export const isJsonNumber = (text: string): boolean => /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text);
