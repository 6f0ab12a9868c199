import { type Access, rolesWith, scopesWith } from '../backend/control-plane/permissions.ts';

interface Operation {
  readonly operationId: string;
  readonly 'x-hearth-access'?: Access;
}

const head = `# Who may call which route

Made from the routes themselves by \`node scripts/openapi.ts\`; a test calls every route as everybody and compares. A role or scope counts in its project; \`/metrics\` and \`/healthz\` outside of \`/api/v1\` are not listed. docs/access.md says what roles and scopes are.

| route | scopes | roles |
| --- | --- | --- |
`;

/** docs/roles.md, from the text of the OpenAPI document. */
export function rolesPage(openApi: string): string {
  const { paths } = JSON.parse(openApi) as { paths: Record<string, Record<string, Operation>> };
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
