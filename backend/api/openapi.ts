import swagger from '@fastify/swagger';
import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { namedSchemas } from './schema-registry.ts';

type JsonObject = Record<string, unknown>;

const tags = [
  { name: 'functions', description: 'Functions, their versions and aliases.' },
  { name: 'triggers', description: 'Routes and schedules of all functions.' },
  { name: 'invocations', description: 'Calling functions, and what became of the calls.' },
  { name: 'logs', description: 'What functions wrote.' },
  { name: 'metrics', description: 'Series, live numbers, Prometheus.' },
  { name: 'events', description: 'Everything live, over one stream.' },
  { name: 'access', description: 'Projects, people, tokens and the audit trail.' },
  { name: 'system', description: 'The platform itself.' },
];

/** Any JSON, or any bytes at all: the payload goes to the function as it is. */
const payloadBody: JsonObject = {
  description: 'The event as JSON; empty means null. Passed on as it is, whatever its content type says.',
  required: false,
  content: { 'application/json': { schema: {}, example: { name: 'world' } } },
};

const testEventBody: JsonObject = {
  description: 'The event as JSON; kept as it is.',
  required: true,
  content: { 'application/json': { schema: {}, example: { name: 'world' } } },
};
const rawBodies: ReadonlyMap<string, JsonObject> = new Map([
  ['invokeFunction', payloadBody],
  ['putTestEvent', testEventBody],
]);

function multipartBody(configRef: unknown): JsonObject {
  return {
    schema: {
      type: 'object',
      required: ['bundle'],
      properties: {
        config: configRef,
        bundle: { type: 'string', contentMediaType: 'application/octet-stream', description: 'A .zip or .tar.gz.' },
      },
      additionalProperties: false,
    },
    encoding: { config: { contentType: 'application/json' } },
  };
}

/** The generator calls every response without a text "Default Response". */
function describeSuccess(responses: Record<string, JsonObject>): void {
  const texts: Readonly<Record<string, string>> = {
    200: 'What was asked for.',
    201: 'Created; `Location` says where.',
    202: 'Accepted: it is on disk. `Location` says where its result will be.',
    204: 'Done.',
  };
  for (const [status, response] of Object.entries(responses)) {
    if (response['description'] === 'Default Response') response['description'] = texts[status] ?? 'Done.';
  }
}

const projectHeader: JsonObject = {
  type: 'string',
  description: 'The project in which the request is to be understood; that of the token when left out.',
};

const operationsWithMultipart = new Set(['createFunction', 'createVersion']);

/** What the route schemas cannot say: multipart forms and raw bodies. */
function completeOperations(document: JsonObject): void {
  for (const path of Object.values((document['paths'] ?? {}) as Record<string, Record<string, JsonObject>>)) {
    for (const operation of Object.values(path)) {
      const id = String(operation['operationId']);
      describeSuccess(operation['responses'] as Record<string, JsonObject>);
      const rawBody = rawBodies.get(id);
      if (rawBody !== undefined) operation['requestBody'] = rawBody;
      if (!operationsWithMultipart.has(id)) continue;
      const body = operation['requestBody'] as { content: Record<string, JsonObject> };
      const config = body.content['application/json']?.['schema'];
      body.content['multipart/form-data'] = multipartBody(config);
    }
  }
}

type Transform = ReturnType<typeof createJsonSchemaTransform>;

/** Says what each route needs (shared/permissions.ts), and that it can be asked in a project. */
function withAccess(transform: Transform): Transform {
  return (input) => {
    const { schema, url } = transform(input);
    const access = (input.route as { config?: FastifyContextConfig } | undefined)?.config?.access;
    if (access === undefined || access === 'none') return { schema, url };
    const headers = (schema as { headers?: JsonObject }).headers ?? { type: 'object', properties: {} };
    const properties = { ...(headers['properties'] as JsonObject), 'hearth-project': projectHeader };
    return { schema: { ...schema, headers: { ...headers, properties }, 'x-hearth-access': access }, url };
  };
}

/** Registers the generator; `app.swagger()` gives the document when the server is ready. */
export async function registerOpenApi(app: FastifyInstance, version: string): Promise<void> {
  const named = createJsonSchemaTransformObject({ schemaRegistry: namedSchemas });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Hearth',
        version,
        description:
          'Deploy functions, call them, and watch them. Errors are RFC 9457 problem documents with a stable `code` (docs/error-codes.md).',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'This installation.' }],
      tags,
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    transform: withAccess(createJsonSchemaTransform({ schemaRegistry: namedSchemas })),
    transformObject: (input) => {
      const document = named(input) as unknown as JsonObject;
      completeOperations(document);
      return dropUnusedSchemas(document) as never;
    },
  });
}

/** Each named schema comes in an input and an output form; only those that are referred to stay. */
function dropUnusedSchemas(document: JsonObject): JsonObject {
  const components = (document['components'] ?? {}) as JsonObject;
  const schemas = (components['schemas'] ?? {}) as JsonObject;
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, child] of Object.entries(value)) {
      if (key === '$ref' && typeof child === 'string') {
        const name = child.replace('#/components/schemas/', '');
        if (!used.has(name)) {
          used.add(name);
          visit(schemas[name]);
        }
      } else visit(child);
    }
  };
  visit(document['paths']);
  const kept = Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)));
  return { ...document, components: { ...components, schemas: kept } };
}
