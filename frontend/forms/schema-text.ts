import { eventSchemaIssues } from '../../shared/event-schema-check.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import { jsonError } from '../util/json-error.ts';

/** A schema of the event as the settings show it; empty: there is none. */
export const schemaText = (schema: VersionConfig['inputSchema']): string =>
  schema === null ? '' : JSON.stringify(schema, null, 2);

/** What is wrong with the text, or undefined. */
export function schemaTextError(text: string): string | undefined {
  if (text.trim() === '') return undefined;
  const syntax = jsonError(text);
  if (syntax !== undefined) return `Not JSON: ${syntax}`;
  const [issue] = eventSchemaIssues(JSON.parse(text));
  return issue && `${issue.path === '' ? 'The schema' : issue.path} ${issue.message}`;
}

/** What is sent of a checked text. */
export const schemaOfText = (text: string): VersionConfig['inputSchema'] =>
  text.trim() === '' ? null : JSON.parse(text);
