import type { Compilable, Kysely } from 'kysely';
import type { SqlFlavour, SqlValue, Step } from './sql-session.ts';
import type { Tables } from './tables.ts';

/** A place in a template that is filled at every use. */
class Slot {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * A query that is built and compiled once and used many times: building one with Kysely costs more than running it.
 * `build` is given an object whose members stand for the values of `Input`.
 */
export interface Template<Input extends object> {
  readonly build: (db: Kysely<Tables>, slots: Readonly<Required<Input>>, flavour: SqlFlavour) => Compilable;
}

/** Defines a template. Make it a constant of the module: the constant is the key under which it is compiled. */
export function template<Input extends object>(build: Template<Input>['build']): Template<Input> {
  return { build };
}

interface Compiled {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Compiles templates for one SQL engine, each once. */
export class TemplateCompiler {
  readonly #db: Kysely<Tables>;
  readonly #flavour: SqlFlavour;
  readonly #compiled = new WeakMap<object, Compiled>();

  constructor(options: { readonly db: Kysely<Tables>; readonly flavour: SqlFlavour }) {
    this.#db = options.db;
    this.#flavour = options.flavour;
  }

  step<Input extends object>(source: Template<Input>, input: Input, skipWhenNone = 0): Step {
    let compiled = this.#compiled.get(source);
    if (compiled === undefined) {
      const slots = new Proxy({}, { get: (_target, name) => new Slot(String(name)) });
      compiled = source.build(this.#db, slots as Required<Input>, this.#flavour).compile();
      this.#compiled.set(source, compiled);
    }
    const values = input as Readonly<Record<string, SqlValue | undefined>>;
    const parameters: SqlValue[] = new Array(compiled.parameters.length);
    for (let i = 0; i < parameters.length; i++) {
      const parameter = compiled.parameters[i];
      parameters[i] = parameter instanceof Slot ? (values[parameter.name] ?? null) : (parameter as SqlValue);
    }
    return { sql: compiled.sql, parameters, skipWhenNone };
  }
}
