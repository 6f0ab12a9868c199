import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ForeignProject,
  foreignProject,
  isRefused,
  guardedOperations as operations,
  operationsWithIds,
} from '../support/foreign-project.ts';

/**
 * One project must not learn anything of another. Every route of the OpenAPI document is called with ids of a foreign project and
 * with ids that never were; the answers must be the same. A route that has a parameter unknown to this test fails it.
 */
let project: ForeignProject;
let rig: ForeignProject['rig'];
let call: ForeignProject['call'];
let send: ForeignProject['send'];
let foreign: ForeignProject['foreign'];
let missing: ForeignProject['missing'];
let stranger: ForeignProject['stranger'];
beforeAll(async () => {
  project = await foreignProject();
  ({ rig, call, send, foreign, missing, stranger } = project);
});
afterAll(() => project[Symbol.asyncDispose]());

const code = { 'index.mjs': 'export const handler = () => 1;' };

/** What is left of an answer when the names that the caller gave are taken out. */
function shape(response: { statusCode: number; body: string }, ids: Readonly<Record<string, string>>) {
  let body = response.body.replaceAll(/"requestId":"[^"]*"/g, '');
  for (const [kind, value] of Object.entries(ids)) if (value.length > 3) body = body.replaceAll(value, `<${kind}>`);
  return { status: response.statusCode, body };
}

describe('ids of a foreign project', () => {
  test('the test knows routes with ids', () => expect(operationsWithIds.length).toBeGreaterThan(20));

  test.each(operationsWithIds.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))(
    '%s: as if it did not exist',
    async (_name, operation) => {
      const [theirs, nobodys] = [await send(operation, foreign), await send(operation, missing)];
      expect(theirs.statusCode, theirs.body).toBe(isRefused(operation) ? 403 : 404);
      expect(shape(theirs, foreign)).toEqual(shape(nobodys, missing));
    },
  );

  test('nothing of it was changed', async () => {
    const found = await call('GET', '/api/v1/functions/secret-plan', undefined);
    expect(found.json()).toMatchObject({ latestVersion: 1, enabled: true, description: 'acme only' });
    expect((await call('GET', '/api/v1/functions/secret-plan/aliases/beta', undefined)).statusCode).toBe(200);
    expect((await call('GET', `/api/v1/invocations/${foreign['invocations']}`, undefined)).json().status).toBe(
      'running',
    );
    const drafts = (await call('GET', '/api/v1/functions/secret-plan/drafts', undefined)).json();
    expect(drafts.items).toMatchObject([{ id: foreign['draft'] }]);
    expect((await call('GET', '/api/v1/dead-letters', undefined)).json().items).toHaveLength(1);
    expect((await call('GET', '/api/v1/tokens', undefined)).json().items).toHaveLength(1);
  });
});

describe('lists', () => {
  const lists = operations.filter(
    ({ method, path, operationId, access }) =>
      method === 'GET' &&
      !path.includes('{') &&
      access !== 'platform' &&
      !['streamMetrics', 'streamEvents', 'listSessions'].includes(operationId),
  );

  test.each(lists.map((operation) => [operation.path, operation] as const))(
    '%s: nothing of others',
    async (_, list) => {
      const response = await send(list, foreign);
      expect(response.statusCode, response.body).toBe(200);
      expect(response.body).not.toMatch(/acme|secret-plan/);
      for (const id of Object.values(foreign)) if (id.length > 20) expect(response.body).not.toContain(id);
    },
  );

  test.each(
    lists.filter(({ query }) => query.includes('function')).map((operation) => [operation.path, operation] as const),
  )('%s?function=: as if it did not exist', async (_, list) => {
    const theirs = await send(list, foreign, '?function=secret-plan');
    const nobodys = await send(list, foreign, '?function=nobody');
    expect(shape(theirs, { name: 'secret-plan' })).toEqual(shape(nobodys, { name: 'nobody' }));
    // A full name reaches nowhere either, not even from the default project.
    for (const headers of [stranger, rig.as.admin]) {
      const full = await call('GET', `${list.path}?function=acme%2Fsecret-plan`, undefined, headers);
      expect(full.body).not.toContain(foreign['invocations']);
      const nothing = await call('GET', `${list.path}?function=acme%2Fnobody`, undefined, headers);
      expect(shape(full, { name: 'secret-plan' })).toEqual(shape(nothing, { name: 'nobody' }));
      if (full.statusCode === 200) expect(full.json()).toMatchObject({ items: [], nextCursor: null });
      else expect([400, 404]).toContain(full.statusCode);
    }
  });
});

describe('naming a project', () => {
  test('one that is not there and one that may not be seen are the same', async () => {
    for (const project of ['acme', 'nowhere', 'default', '..', 'acme/x', '']) {
      const headers = { ...stranger, 'hearth-project': project };
      const response = await call('GET', '/api/v1/functions', undefined, headers);
      expect(response.statusCode).toBe(404);
      expect(response.json()).toMatchObject({
        code: 'project_not_found',
        detail: `there is no project ${JSON.stringify(project)}`,
      });
    }
  });

  test('the same function in two projects is two functions', async () => {
    const other = { ...rig.as.admin, 'hearth-project': 'other' };
    for (const headers of [rig.as.admin, other]) {
      const made = await call('POST', '/api/v1/functions', { name: 'twin', files: code }, headers);
      expect(made.statusCode, made.body).toBe(201);
    }
    expect((await call('GET', '/api/v1/functions/twin', undefined, other)).json().url).toMatch(/\/~other\/twin$/);
    expect((await call('GET', '/api/v1/functions/twin', undefined, rig.as.admin)).json().url).toMatch(/8080\/twin$/);
    expect((await call('DELETE', '/api/v1/functions/twin', undefined, other)).statusCode).toBe(204);
    expect((await call('GET', '/api/v1/functions/twin', undefined, rig.as.admin)).statusCode).toBe(200);
  });

  test('a token of a project cannot give tokens for all', async () => {
    const asked = await call('POST', '/api/v1/tokens', { name: 'x', isPlatformWide: true }, stranger);
    expect(asked.statusCode).toBe(403);
    const given = await call('POST', '/api/v1/tokens', { name: 'x', scope: 'read' }, stranger);
    expect(given.json()).toMatchObject({ project: 'other' });
  });

  test('a project with functions stays; one that goes takes its tokens along and keeps its name', async () => {
    const asAdmin = rig.as.admin;
    expect((await call('DELETE', '/api/v1/projects/acme', undefined, asAdmin)).json().code).toBe('project_in_use');
    expect((await call('DELETE', '/api/v1/projects/default', undefined, asAdmin)).json().code).toBe('default_project');
    expect((await call('DELETE', '/api/v1/projects/other', undefined, asAdmin)).statusCode).toBe(204);
    expect((await call('GET', '/api/v1/functions', undefined, stranger)).statusCode).toBe(401);
    const again = await call('POST', '/api/v1/projects', { name: 'other' }, asAdmin);
    expect(again.json().code).toBe('project_taken');
    const { projects } = await rig.restart();
    expect(projects.list().map(({ name }) => name)).toEqual(['acme', 'default']);
  });
});
