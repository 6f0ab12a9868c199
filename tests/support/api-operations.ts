import { openApiText } from '../../scripts/openapi.ts';

type Json = Record<string, unknown>;
export interface ApiOperation {
  readonly operationId: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its parameters in braces. */
  readonly path: string;
  /** What it needs of the caller; undefined for routes that are open to everybody. */
  readonly access: string | undefined;
  /** Names of parameters in the query. */
  readonly query: readonly string[];
  /** The first example of its JSON body; undefined when there is no body or no example. */
  readonly exampleBody: unknown;
  readonly hasBody: boolean;
}

function exampleOf(document: Json, schema: Json | undefined): unknown {
  const ref = schema?.['$ref'];
  if (typeof ref !== 'string') return (schema?.['examples'] as unknown[] | undefined)?.[0];
  const { schemas } = document['components'] as { schemas: Record<string, Json> };
  return exampleOf(document, schemas[ref.replace('#/components/schemas/', '')]);
}

/** Every operation of the OpenAPI document, so that tests that walk them find a new route by themselves. */
export async function apiOperations(): Promise<readonly ApiOperation[]> {
  const document = JSON.parse(await openApiText()) as Json;
  return Object.entries(document['paths'] as Record<string, Record<string, Json>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const body = operation['requestBody'] as { content: Record<string, { schema: Json }> } | undefined;
      const parameters = (operation['parameters'] ?? []) as { name: string; in: string }[];
      return {
        operationId: String(operation['operationId']),
        method: method.toUpperCase() as ApiOperation['method'],
        path,
        access: operation['x-hearth-access'] as string | undefined,
        query: parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name),
        exampleBody: exampleOf(document, body?.content['application/json']?.schema),
        hasBody: body !== undefined,
      };
    }),
  );
}
