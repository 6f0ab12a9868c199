import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { WhoamiDocument } from '../../shared/api/system.ts';
import { type Operation, operationAccess } from '../../shared/operation-access.ts';
import { accessOfRole, accessOfScope } from '../../shared/permissions.ts';
import { roles, tokenScopes } from '../../shared/roles.ts';
import { accessApi } from './access.ts';
import { alertApi, putPrices } from './alerts.ts';
import { Api, newDraft, removeDraft } from './api.ts';
import { buildApi } from './builds.ts';
import type { ApiClient } from './client.ts';
import { peopleApi } from './people.ts';
import { refusalOf } from './permission.ts';
import { secretsApi } from './secrets.ts';
import { testEventsApi } from './test-events.ts';
import { setScheduleEnabled } from './triggers.ts';

const repository = join(import.meta.dirname, '../..');
const text = (path: string) => readFileSync(join(repository, path), 'utf8');
const openApi = JSON.parse(text('docs/openapi.json')) as {
  paths: Record<string, Record<string, { operationId: string; 'x-hearth-access'?: string }>>;
};
const served = Object.entries(openApi.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { operationId, 'x-hearth-access': access }]) => ({
    method: method.toUpperCase(),
    path,
    operationId,
    access,
  })),
);
const operations = Object.keys(operationAccess) as Operation[];

const user = (role: (typeof roles)[number] | 'none', isPlatformWide = false): WhoamiDocument => ({
  tokenId: 'usr_1',
  kind: 'user',
  name: 'ada',
  scope: role,
  project: role === 'none' ? null : 'acme',
  isPlatformWide,
  access: role === 'none' ? ['any'] : [...accessOfRole(role, isPlatformWide)],
});
const token = (scope: (typeof tokenScopes)[number], isPlatformWide = false): WhoamiDocument => ({
  ...user('viewer', isPlatformWide),
  kind: 'token',
  scope,
  access: [...accessOfScope(scope, isPlatformWide)],
});

describe('what the dashboard offers', () => {
  test('every operation of the API, with what its route asks for', () => {
    const guarded = served.filter(({ access }) => access !== undefined);
    expect(operationAccess).toEqual(
      Object.fromEntries(guarded.map(({ operationId, access }) => [operationId, access])),
    );
  });

  test('exactly what docs/roles.md gives to each role and scope, which a test asks every route for', () => {
    const rows = [...text('docs/roles.md').matchAll(/^\| `(\w+) (\S+)` \| ([^|]+) \| ([^|]+) \|$/gm)];
    expect(rows.length).toBe(operations.length);
    for (const [, method, path, scopesText = '', rolesText = ''] of rows) {
      const operation = served.find((route) => route.method === method && route.path === path)
        ?.operationId as Operation;
      const offered = {
        roles: roles.filter((role) => refusalOf(user(role), operation) === undefined),
        scopes: tokenScopes.filter((scope) => refusalOf(token(scope), operation) === undefined),
      };
      const isForAll = rolesText === 'owner of all projects';
      expect({ operation, ...offered }).toEqual({
        operation,
        roles: isForAll ? [] : rolesText.split(', '),
        scopes: isForAll ? [] : scopesText.split(', '),
      });
      expect(refusalOf(user('owner', true), operation)).toBeUndefined();
      expect(refusalOf(token('admin', true), operation)).toBeUndefined();
    }
  });

  test('says which role is needed, and what the person is', () => {
    expect(refusalOf(user('viewer'), 'createVersion')).toBe(
      'needs the role developer in this project; you are viewer here',
    );
    expect(refusalOf(user('owner'), 'createUser')).toBe('needs the role owner in all projects; you are owner here');
    expect(refusalOf(user('none'), 'listFunctions')).toBe(
      'needs the role viewer in this project; you have no role in any project',
    );
    expect(refusalOf(token('invoke'), 'listFunctions')).toBe(
      'a token with scope invoke may not do this; it needs read or deploy or admin',
    );
  });

  test('everything while it is not known who asks: the platform decides anyway', () =>
    expect(operations.filter((operation) => refusalOf(undefined, operation) !== undefined)).toEqual([]));
});

describe('every change that the dashboard can make', () => {
  /** What a call of the dashboard's own API sends, whatever it is called with. */
  function requestOf(call: (api: Api) => unknown): { method: string; path: string } | undefined {
    let sent: { method: string; path: string } | undefined;
    const take = (method: string, path: string) => {
      sent ??= { method, path };
      return new Promise<never>(() => undefined);
    };
    const client = { json: take, send: take } as unknown as ApiClient;
    void call(new Api({ client }));
    return sent;
  }
  const isAt = (template: string, path: string) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path);
  const names = Object.getOwnPropertyNames(Api.prototype).filter((name) => name !== 'constructor');
  const event = { visibility: 'shared', name: 'x' } as const;
  const calls: readonly ((api: Api) => unknown)[] = [
    ...names.map(
      (name) => (api: Api) =>
        (api as unknown as Record<string, (...given: unknown[]) => unknown>)[name]?.('x', 'x', {}, {}),
    ),
    ...[
      ...Object.values(accessApi),
      ...Object.values(peopleApi),
      ...Object.values(alertApi),
      ...Object.values(secretsApi),
      ...Object.values(buildApi),
    ].map((call) => (api: Api) => (call as (api: Api, ...given: unknown[]) => unknown)(api, 'x', 'x', 'x')),
    ...Object.values(testEventsApi).map(
      (call) => (api: Api) => (call as (api: Api, ...given: unknown[]) => unknown)(api, 'x', event, '{}'),
    ),
    (api) => newDraft(api, 'x', {} as never),
    (api) => removeDraft(api, 'x', 'x'),
    (api) => putPrices(api, {} as never),
    (api) => setScheduleEnabled(api, 'x', true),
  ];
  const changes = new Set(
    calls.flatMap((call) => {
      const sent = requestOf(call);
      if (sent === undefined || sent.method === 'GET') return [];
      const found = served.find(({ method, path }) => method === sent.method && isAt(path, sent.path));
      expect(found, `${sent.method} ${sent.path}`).toBeDefined();
      // Sessions and the password are everybody's own.
      return found === undefined || found.access === undefined || found.access === 'any' ? [] : [found.operationId];
    }),
  );
  const sources = readdirSync(join(repository, 'frontend'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.tsx') || path.endsWith('sections.ts'))
    .map((path) => text(join('frontend', path)))
    .join('\n');
  const asked = new Set(
    [...sources.matchAll(/(?:operation="|usePermission\('|reads: ')(\w+)['"]/g)].map(([, name]) => name ?? ''),
  );
  /** Done as a part of another operation, or where nobody comes who may not read it: that needs the same. */
  const within: Readonly<Record<string, Operation>> = {
    createDraft: 'invokeDraft',
    deleteDraft: 'invokeDraft',
    createUser: 'listUsers',
    updateUser: 'listUsers',
    deleteUser: 'listUsers',
    putMember: 'listMembers',
    deleteMember: 'listMembers',
    createAlert: 'listAlerts',
    replaceAlert: 'listAlerts',
    deleteAlert: 'listAlerts',
    silenceAlert: 'listAlerts',
    testAlert: 'listAlerts',
  };

  test('is known to this test', () => {
    expect(changes.size).toBeGreaterThan(25);
    expect([...changes]).toEqual(expect.arrayContaining(['createVersion', 'putMember', 'deleteSecret', 'putAlias']));
  });

  test.each([...changes])('%s is offered only to whom it is granted', (operation) => {
    const asking = within[operation] ?? operation;
    expect(operationAccess[asking as Operation]).toBe(operationAccess[operation as Operation]);
    expect(asked).toContain(asking);
  });
});
