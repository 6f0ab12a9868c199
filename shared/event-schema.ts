import { KiB } from './limits.ts';

/**
 * The part of JSON Schema (draft 2020-12) in which a version describes its event, so that a form can be made of it. Calls are
 * not checked against it.
 */
export type EventSchema = ObjectSchema | ArraySchema | StringSchema | NumberSchema | BooleanSchema;

interface Described {
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
}
export interface ObjectSchema extends Described {
  readonly type: 'object';
  readonly properties?: Readonly<Record<string, EventSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
}
export interface ArraySchema extends Described {
  readonly type: 'array';
  readonly items: EventSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
}
export interface StringSchema extends Described {
  readonly type: 'string';
  readonly enum?: readonly string[];
  readonly format?: StringFormat;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}
export interface NumberSchema extends Described {
  readonly type: 'number' | 'integer';
  readonly enum?: readonly number[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}
export interface BooleanSchema extends Described {
  readonly type: 'boolean';
}

export const eventSchemaLimits = { maxBytes: 32 * KiB, maxDepth: 10, maxProperties: 100, maxChoices: 200 } as const;

export const stringFormats = ['date', 'date-time', 'email', 'uri', 'uuid'] as const;
export type StringFormat = (typeof stringFormats)[number];

/** Where a value stands in an event: names of properties, and places in lists. */
export type EventPath = readonly (string | number)[];

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isText = (value: unknown): value is string => typeof value === 'string';
/** JSON has no other numbers; what it writes beyond the range of a double is none here. */
export const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** ECMA-262 with the flag `u`, as JSON Schema has it; undefined when it is none. */
export function compiledPattern(source: string): RegExp | undefined {
  try {
    return new RegExp(source, 'u');
  } catch {
    return undefined;
  }
}
