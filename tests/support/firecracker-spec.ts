import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';

/** Firecracker's description of its own API, which comes with its sources. HEARTH_TEST_FIRECRACKER_SPEC names another copy. */
const specPath =
  process.env['HEARTH_TEST_FIRECRACKER_SPEC'] ??
  join(import.meta.dirname, '../../../shared/firecracker/firecracker.yaml');

/** Why requests cannot be checked here, or undefined. */
export function whyNoSpec(): string | undefined {
  if (existsSync(specPath)) return undefined;
  return `there is no ${specPath}; set HEARTH_TEST_FIRECRACKER_SPEC to src/firecracker/swagger/firecracker.yaml of a Firecracker source tree`;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

interface Parameter {
  readonly in: 'path' | 'body';
  readonly required?: boolean;
  readonly schema?: { [key: string]: Json };
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<Record<string, { readonly schema?: { [key: string]: Json } }>>;
}
interface Spec {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly definitions: { [key: string]: Json };
}

/** Checks requests and responses against the description: path, method, and bodies without a field that it does not know. */
export class FirecrackerSpec {
  readonly version: string;
  readonly #spec: Spec;
  readonly #ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor() {
    this.#spec = parse(readFileSync(specPath, 'utf8')) as Spec;
    this.version = this.#spec.info.version;
    const definitions = Object.fromEntries(
      Object.entries(this.#spec.definitions).map(([name, schema]) => [name, closed(schema)]),
    );
    this.#ajv.addSchema({ $id: 'firecracker', definitions });
  }

  /** Everything that is wrong with a request; empty when it conforms. */
  requestIssues(method: string, path: string, body: unknown): readonly string[] {
    const operation = this.#find(method, path);
    if (operation === undefined) return [`${method} ${path} is not in the description`];
    const parameter = operation.parameters?.find((candidate) => candidate.in === 'body');
    if (parameter === undefined) return body === undefined ? [] : [`${method} ${path} takes no body`];
    if (body === undefined) return parameter.required === true ? [`${method} ${path} needs a body`] : [];
    return this.#issues(parameter.schema ?? {}, body);
  }

  /** Everything that is wrong with an answer to such a request. */
  responseIssues(method: string, path: string, status: number, body: unknown): readonly string[] {
    const operation = this.#find(method, path);
    if (operation === undefined) return [];
    const response = operation.responses[String(status)] ?? operation.responses['default'];
    if (response === undefined) return [`${method} ${path} does not answer ${status}`];
    if (response.schema === undefined) return body === undefined ? [] : [`${status} of ${method} ${path} has no body`];
    return this.#issues(response.schema, body);
  }

  #find(method: string, path: string): Operation | undefined {
    const wanted = path.split('/');
    const match = Object.keys(this.#spec.paths).find((template) => {
      const parts = template.split('/');
      return parts.length === wanted.length && parts.every((part, i) => /^\{.*\}$/.test(part) || part === wanted[i]);
    });
    return match === undefined ? undefined : this.#spec.paths[match]?.[method.toLowerCase()];
  }

  #issues(schema: { [key: string]: Json }, body: unknown): readonly string[] {
    const key = JSON.stringify(schema);
    let validate = this.#compiled.get(key);
    if (validate === undefined) {
      validate = this.#ajv.compile(JSON.parse(key.replaceAll('"#/definitions/', '"firecracker#/definitions/')));
      this.#compiled.set(key, validate);
    }
    if (validate(body) === true) return [];
    return (validate.errors ?? []).map(
      (error) => `${error.instancePath || 'body'} ${error.message} ${JSON.stringify(error.params)}`,
    );
  }
}

/** Firecracker refuses fields that it does not know (serde's deny_unknown_fields); the description leaves that open. */
function closed(schema: Json): Json {
  if (schema === null || typeof schema !== 'object') return schema;
  if (Array.isArray(schema)) return schema.map(closed);
  const entries = Object.entries(schema).map(([key, value]) => [key, closed(value)] as const);
  const isOpen = 'properties' in schema && schema['type'] === 'object' && !('additionalProperties' in schema);
  return { ...Object.fromEntries(entries), ...(isOpen ? { additionalProperties: false } : {}) };
}
