import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorGroupId } from '../../backend/core/ports/error-groups.ts';
import { newId } from '../../shared/ids.ts';
import { errorOccurrences } from '../conformance/store-records.ts';
import { type ApiOperation, apiOperations } from '../support/api-operations.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';
import { EventReader } from '../support/event-reader.ts';

/**
 * One project must not learn anything of another. Every route of the OpenAPI document is called with ids of a foreign project and
 * with ids that never were; the answers must be the same. A route that has a parameter unknown to this test fails it.
 */
const operations = (await apiOperations()).filter(({ access }) => access !== undefined && access !== 'none');

let rig: ApiRig;
/** An owner of the project `other`, who is the stranger here. */
let stranger: { authorization: string };
let foreign: Record<string, string>;
const missing: Record<string, string> = {
  name: 'nobody',
  version: '1',
  alias: 'beta',
  project: 'nowhere',
  invocations: newId('invocation'),
  'dead-letters': newId('invocation'),
  errors: `err_${'0'.repeat(24)}`,
  schedules: newId('schedule'),
  tokens: newId('token'),
  secrets: 'NOBODYS',
  user: 'somebody',
  session: newId('session'),
  stream: `evs_${'0'.repeat(32)}`,
};

const code = { 'index.mjs': 'export const handler = () => 1;' };
const call = (
  method: ApiOperation['method'],
  url: string,
  payload: unknown,
  headers: Record<string, string> = { ...rig.as.admin, 'hearth-project': 'acme' },
) => rig.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload: payload as object }) });

/** Of an admin in acme; open until the server ends. */
async function openStream(): Promise<string> {
  const url = await rig.app.listen({ port: 0, host: '127.0.0.1' });
  const headers = { ...rig.as.admin, 'hearth-project': 'acme' };
  const reader = await EventReader.open(`${url}/api/v1/events?topic=metrics`, headers);
  return (await reader.until(({ event }) => event === 'open'))?.data.stream ?? '';
}

beforeAll(async () => {
  rig = await apiRig();
  for (const name of ['acme', 'other']) {
    expect((await call('POST', '/api/v1/projects', { name }, rig.as.admin)).statusCode).toBe(201);
  }
  const made = await call('POST', '/api/v1/functions', {
    name: 'secret-plan',
    files: code,
    description: 'acme only',
    schedules: [{ name: 'nightly', cron: '@daily' }],
  });
  expect(made.statusCode, made.body).toBe(201);
  const alias = await call('PUT', '/api/v1/functions/secret-plan/aliases/beta', { versions: [{ version: 1 }] });
  expect(alias.statusCode).toBe(200);
  const accepted = await call('POST', '/api/v1/functions/secret-plan/invocations?mode=async', { from: 'acme' });
  const letter = await call('POST', '/api/v1/functions/secret-plan/invocations?mode=async', { from: 'acme' });
  const [claim] = await rig.store.queue
    .claim('test', 10, 1000, Date.now())
    .then((claims) => claims.filter(({ item }) => item.id === letter.json().id));
  const disposition = { kind: 'dead-letter', reason: 'too-old', report: undefined, error: undefined } as const;
  expect(await rig.store.queue.settle(claim!, disposition, Date.now())).toBe(true);
  const member = { name: 'alice', roles: [{ project: 'acme', role: 'owner' }] };
  expect((await call('POST', '/api/v1/users', member, rig.as.admin)).statusCode).toBe(201);
  const schedule = (await call('GET', '/api/v1/schedules', undefined)).json().items[0];
  const token = await call('POST', '/api/v1/tokens', { name: 'acme ci', scope: 'deploy' });
  const group = errorOccurrences(`err_${'a'.repeat(24)}` as ErrorGroupId, { functionName: 'acme/secret-plan' });
  await rig.store.errorGroups.add([group]);
  await call('PUT', '/api/v1/secrets/ACME_KEY', { value: 'acme only' });
  foreign = {
    name: 'secret-plan',
    version: '1',
    alias: 'beta',
    project: 'acme',
    invocations: accepted.json().id,
    'dead-letters': letter.json().id,
    errors: group.id,
    schedules: schedule.id,
    tokens: token.json().id,
    secrets: 'ACME_KEY',
    user: 'alice',
    session: newId('session'),
    stream: await openStream(),
  };
  const own = { ...rig.as.admin, 'hearth-project': 'other' };
  const owner = await call('POST', '/api/v1/tokens', { name: 'owner of other' }, own);
  stranger = { authorization: `Bearer ${owner.json().secret}` };
});
afterAll(() => rig[Symbol.asyncDispose]());

/** Bodies of operations that have no example in the document. */
const bodies: Readonly<Record<string, (ids: Record<string, string>) => unknown>> = {
  redriveDeadLetters: ({ name }) => ({ function: name }),
  invokeFunction: () => ({ hello: 1 }),
  updateErrorGroup: () => ({ state: 'resolved' }),
};
/** What a stranger may not do at all, with any id: the installation's own, and sessions, which tokens do not have. */
const isRefused = (operation: ApiOperation) => operation.access === 'platform' || operation.path.includes('{session}');
/** Users are the installation's: an owner may give any of them a role, so whether one exists is not a secret to owners. */
const givesRole = ({ operationId }: ApiOperation) => operationId === 'putMember';

function fill(operation: ApiOperation, ids: Record<string, string>): string {
  return operation.path.replaceAll(/\{(\w+)\}/g, (_all, parameter: string) => {
    if (operation.path.startsWith('/api/v1/secrets/')) return ids['secrets'] ?? '';
    const kind = parameter === 'id' ? (operation.path.split('/')[3] ?? '') : parameter;
    // What belongs to the installation is refused before any id is looked at.
    const value = ids[kind] ?? (operation.access === 'platform' ? 'x' : undefined);
    if (value === undefined) throw new Error(`teach this test what {${parameter}} of ${operation.operationId} is`);
    return value;
  });
}

/** What is left of an answer when the names that the caller gave are taken out. */
function shape(response: { statusCode: number; body: string }, ids: Record<string, string>) {
  let body = response.body.replaceAll(/"requestId":"[^"]*"/g, '');
  for (const [kind, value] of Object.entries(ids)) if (value.length > 3) body = body.replaceAll(value, `<${kind}>`);
  return { status: response.statusCode, body };
}

const send = (operation: ApiOperation, ids: Record<string, string>, query = '') => {
  const made = bodies[operation.operationId]?.(ids) ?? operation.exampleBody ?? {};
  return call(operation.method, fill(operation, ids) + query, operation.hasBody ? made : undefined, stranger);
};

describe('ids of a foreign project', () => {
  const withIds = operations.filter(
    (operation) =>
      (operation.path.includes('{') || bodies[operation.operationId] !== undefined) &&
      !givesRole(operation) &&
      // Sets one of the caller's own project, whatever others are called.
      operation.operationId !== 'putSecret',
  );
  test('the test knows routes with ids', () => expect(withIds.length).toBeGreaterThan(20));

  test.each(withIds.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))(
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
      if (full.statusCode === 200) expect(full.json()).toEqual({ items: [], nextCursor: null });
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
