import { type Access, rolesWith, scopesWith } from '../shared/permissions.ts';

/** What an operation of the OpenAPI document says of itself. */
interface Operation {
  readonly operationId: string;
  readonly 'x-hearth-access'?: Access;
}

const head = `# Who may call which route

Made from the routes themselves by \`node scripts/openapi.ts\`; a test calls every route as everybody and compares. A role or scope counts in its project; \`/metrics\` and \`/healthz\` outside of \`/api/v1\` are not listed. docs/access.md says what roles and scopes are.

| route | scopes | roles |
| --- | --- | --- |
`;

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;
const pathsOf = (openApi: string): Paths => (JSON.parse(openApi) as { paths: Paths }).paths;

/** shared/operation-access.ts, from the text of the OpenAPI document: the dashboard asks it what an operation needs. */
export function operationAccessFile(openApi: string): string {
  const rows = Object.values(pathsOf(openApi)).flatMap((methods) =>
    Object.values(methods).flatMap(({ operationId, 'x-hearth-access': access }) =>
      access === undefined ? [] : [`  ${operationId}: '${access}',\n`],
    ),
  );
  return `import type { Access } from './permissions.ts';

/** What each operation of the API needs. Made from the routes themselves by \`node scripts/openapi.ts\`. */
export const operationAccess = {
${rows.sort().join('')}} as const satisfies Readonly<Record<string, Access>>;

/** The \`operationId\` of an operation that not everybody may call. */
export type Operation = keyof typeof operationAccess;
`;
}

/** docs/roles.md, from the text of the OpenAPI document. */
export function rolesPage(openApi: string): string {
  const paths = pathsOf(openApi);
  const rows = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) => {
      const access = operation['x-hearth-access'];
      if (access === undefined) return [];
      const everybody = access === 'none';
      const scopes = everybody ? 'everybody' : scopesWith(access).join(', ');
      const roles = everybody ? 'everybody' : rolesWith(access).join(', ');
      return [`| \`${method.toUpperCase()} ${path}\` | ${scopes} | ${roles} |\n`];
    }),
  );
  return head + rows.join('');
}
