import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorGroupId } from '../../backend/core/ports/error-groups.ts';
import type { AuditEntry } from '../../shared/api/system.ts';
import { errorOccurrences } from '../conformance/store-records.ts';
import { apiOperations } from '../support/api-operations.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

/**
 * Every route that changes something is called once, as a person with the right to do so, and must leave one entry: who, what, from where, and
 * how the thing was before and after. A route that this test does not know fails it.
 */
const operations = (await apiOperations()).filter(({ method }) => method !== 'GET');
const from = '203.0.113.7';
const planted = 'a value that nobody may read again';
const files = { 'index.mjs': 'export const handler = () => 1;' };
const alert = { name: 'failures', metric: 'errors', threshold: 3 };
const prices = { name: 'ours', currency: 'EUR', perMillionRequests: 1, perGbSecond: 1, perGbEgress: 1 };
const webhook = { kind: 'webhook', url: `https://hooks.example.com/${encodeURIComponent(planted)}` };

let rig: ApiRig;
let boss: { authorization: string };
let bossId: string;
const ids: Record<string, string> = {};

interface Step {
  readonly route: string;
  readonly url: string | (() => string | Promise<string>);
  readonly body?: object;
  readonly action: string;
  readonly has?: 'after' | 'before' | 'both';
  /** Keeps what later steps need. */
  readonly keep?: (answer: { id: string }) => void;
  readonly prepare?: () => Promise<void>;
}
const queued = async () => (await send('POST', '/functions/made/invocations?mode=async', { from: 'test' })).json().id;
async function givenUp(): Promise<string> {
  const id = await queued();
  const claims = await rig.store.queue.claim('test', 10, 1000, Date.now());
  const claim = claims.find(({ item }) => item.id === id);
  const disposition = { kind: 'dead-letter', reason: 'too-old', report: undefined, error: undefined } as const;
  expect(claim && (await rig.store.queue.settle(claim, disposition, Date.now()))).toBe(true);
  return id;
}
const idOf = (kind: string) => (url: string) => () => url.replace('{}', ids[kind] ?? '');

const steps: readonly Step[] = [
  {
    route: 'createFunction',
    url: '/functions',
    body: { name: 'made', files, env: { KEY: planted }, schedules: [{ name: 's', cron: '@daily', payload: planted }] },
    action: 'function.create',
    has: 'after',
  },
  {
    route: 'createVersion',
    url: '/functions/made/versions',
    body: { env: { KEY: planted }, memoryMb: 256 },
    action: 'version.create',
    has: 'both',
  },
  {
    route: 'createDraft',
    url: '/functions/made/drafts',
    body: { env: { KEY: planted, OTHER: planted }, memoryMb: 512 },
    action: 'draft.create',
    has: 'both',
  },
  {
    route: 'deleteDraft',
    url: async () => `/functions/made/drafts/${(await send('GET', '/functions/made/drafts')).json().items[0].id}`,
    action: 'draft.delete',
    has: 'before',
  },
  {
    route: 'updateFunction',
    url: '/functions/made',
    body: { description: 'new' },
    action: 'function.update',
    has: 'both',
  },
  {
    route: 'putAlias',
    url: '/functions/made/aliases/beta',
    body: { versions: [{ version: 1 }] },
    action: 'alias.put',
    has: 'both',
  },
  {
    route: 'putTestEvent',
    url: '/functions/made/test-events/private/order',
    body: { id: planted },
    action: 'test-event.put',
    has: 'both',
  },
  {
    route: 'deleteTestEvent',
    url: '/functions/made/test-events/private/order',
    action: 'test-event.delete',
    has: 'before',
  },
  { route: 'deleteAlias', url: '/functions/made/aliases/beta', action: 'alias.delete', has: 'before' },
  {
    route: 'runSchedule',
    url: async () => `/schedules/${(await send('GET', '/schedules')).json().items[0].id}/run`,
    action: 'schedule.run',
  },
  {
    route: 'cancelBuild',
    prepare: async () => {
      // Held back, so that there is something to cancel.
      rig.bundles.gate = new Promise(() => undefined);
      const begun = await send('POST', '/functions?wait=false', { name: 'begun', files });
      Object.assign(ids, { build: begun.json().id });
      rig.bundles.gate = Promise.resolve();
    },
    url: idOf('build')('/builds/{}'),
    action: 'build.cancel',
  },
  {
    route: 'updateSchedule',
    url: async () => `/schedules/${(await send('GET', '/schedules')).json().items[0].id}`,
    body: { enabled: false },
    action: 'schedule.update',
    has: 'both',
  },
  { route: 'cancelInvocation', url: async () => `/invocations/${await queued()}`, action: 'invocation.cancel' },
  { route: 'replayInvocation', url: async () => `/invocations/${await givenUp()}/replay`, action: 'invocation.replay' },
  {
    route: 'redriveDeadLetters',
    url: '/dead-letters/redrive',
    body: { function: 'made' },
    action: 'dead-letter.redrive',
  },
  {
    route: 'redriveDeadLetter',
    url: async () => `/dead-letters/${await givenUp()}/redrive`,
    action: 'dead-letter.redrive',
  },
  {
    route: 'deleteDeadLetter',
    url: async () => `/dead-letters/${await givenUp()}`,
    action: 'dead-letter.delete',
    has: 'before',
  },
  {
    route: 'updateErrorGroup',
    prepare: async () => {
      const id = `err_${'a'.repeat(24)}` as ErrorGroupId;
      await rig.store.errorGroups.add([errorOccurrences(id, { functionName: 'made' })]);
    },
    url: `/errors/err_${'a'.repeat(24)}`,
    body: { state: 'resolved' },
    action: 'error-group.update',
    has: 'both',
  },
  { route: 'putPrices', url: '/metrics/prices', body: prices, action: 'prices.update', has: 'both' },
  {
    route: 'createToken',
    url: '/tokens',
    body: { name: 'ci', scope: 'read' },
    action: 'token.create',
    has: 'after',
    keep: ({ id }) => Object.assign(ids, { token: id }),
  },
  { route: 'deleteToken', url: idOf('token')('/tokens/{}'), action: 'token.delete', has: 'before' },
  { route: 'createProject', url: '/projects', body: { name: 'acme' }, action: 'project.create', has: 'after' },
  {
    route: 'updateProject',
    url: '/projects/acme',
    body: { description: 'new' },
    action: 'project.update',
    has: 'both',
  },
  { route: 'deleteProject', url: '/projects/acme', action: 'project.delete', has: 'before' },
  {
    route: 'createAlert',
    url: '/alerts',
    body: { ...alert, channels: [webhook] },
    action: 'alert.create',
    has: 'after',
    keep: ({ id }) => Object.assign(ids, { alert: id }),
  },
  {
    route: 'replaceAlert',
    url: idOf('alert')('/alerts/{}'),
    body: { ...alert, threshold: 4 },
    action: 'alert.update',
    has: 'both',
  },
  {
    route: 'silenceAlert',
    url: idOf('alert')('/alerts/{}/silence'),
    body: { durationMs: 1000 },
    action: 'alert.silence',
    has: 'both',
  },
  { route: 'deleteAlert', url: idOf('alert')('/alerts/{}'), action: 'alert.delete', has: 'before' },
  { route: 'createUser', url: '/users', body: { name: 'eve', password: planted }, action: 'user.create', has: 'after' },
  { route: 'updateUser', url: '/users/eve', body: { password: `${planted}!` }, action: 'user.update', has: 'both' },
  { route: 'putMember', url: '/members/eve', body: { role: 'viewer' }, action: 'member.put', has: 'both' },
  { route: 'deleteMember', url: '/members/eve', action: 'member.delete', has: 'both' },
  { route: 'deleteUser', url: '/users/eve', action: 'user.delete', has: 'before' },
  { route: 'putSecret', url: '/secrets/KEY', body: { value: planted }, action: 'secret.put', has: 'both' },
  { route: 'putSecrets', url: '/secrets', body: { values: { MORE: planted } }, action: 'secret.put', has: 'both' },
  { route: 'deleteSecret', url: '/secrets/KEY', action: 'secret.delete', has: 'before' },
  { route: 'rotateSecretsKey', url: '/system/secrets-key/rotation', action: 'secrets-key.rotate', has: 'both' },
  { route: 'createBackup', url: '/system/backups', action: 'backup.create', has: 'after' },
  { route: 'deleteFunction', url: '/functions/made', action: 'function.delete', has: 'before' },
  {
    route: 'changePassword',
    url: '/password',
    body: { currentPassword: planted, newPassword: `${planted}?` },
    action: 'user.password',
    has: 'both',
  },
  {
    route: 'createSession',
    url: '/sessions',
    body: { user: 'boss', password: `${planted}?` },
    action: 'session.create',
  },
  { route: 'deleteSession', url: '/sessions/current', action: 'session.delete' },
];
/** No change of anything that lasts, or not possible without the programs of an isolation level. */
const without: Readonly<Record<string, string>> = {
  invokeFunction: 'a call; it has a record of its own',
  invokeDraft: 'a call; it has a record of its own',
  requestFunction: 'a call; it has a record of its own',
  requestDraft: 'a call; it has a record of its own',
  previewVersion: 'says what a deployment would change',
  putStreamTopics: 'what an open stream shows to its own reader',
  testAlert: 'sends a trial message; the list of deliveries shows it',
  measureDriver: 'driver.measure, with what was found; needs instances',
  buildGuests: 'guest.build, with what was built; needs an isolation level with guests',
  buildRuntimeImage: 'image.build, with what was built; needs an isolation level with images',
};

function send(method: string, url: string, payload?: object) {
  const request = { method: method as 'GET', url: `/api/v1${url}`, headers: boss, remoteAddress: from };
  return rig.app.inject({ ...request, ...(payload && { payload }) });
}
async function entries(): Promise<readonly AuditEntry[]> {
  const page = await rig.app.inject({ url: '/api/v1/audit?limit=200', headers: rig.as.admin });
  return page.json().items;
}

beforeAll(async () => {
  rig = await apiRig();
  const user = { name: 'boss', password: planted, roles: [{ project: '*', role: 'owner' }] };
  const made = await rig.app.inject({ method: 'POST', url: '/api/v1/users', headers: rig.as.admin, payload: user });
  bossId = made.json().id;
  const session = { method: 'POST', url: '/api/v1/sessions', payload: { user: 'boss', password: planted } } as const;
  boss = { authorization: `Bearer ${(await rig.app.inject(session)).json().token}` };
});
afterAll(() => rig[Symbol.asyncDispose]());

describe('the audit trail', () => {
  test('knows every route that is no GET', () => {
    const known = [...steps.map(({ route }) => route), ...Object.keys(without)];
    expect(known.sort()).toEqual(operations.map(({ operationId }) => operationId).sort());
  });

  test.each(steps)('of $route: who, what, from where, before and after', async (step) => {
    const operation = operations.find(({ operationId }) => operationId === step.route);
    await step.prepare?.();
    const url = typeof step.url === 'string' ? step.url : await step.url();
    const earlier = await entries();
    const answer = await send(
      operation?.method ?? '',
      url,
      step.body ?? (operation?.exampleBody as object | undefined),
    );
    expect(answer.statusCode, answer.body).toBeLessThan(300);
    if (step.keep !== undefined) step.keep(answer.json());
    const added = (await entries()).slice(0, -earlier.length);
    expect(added.map(({ action }) => action)).toEqual([step.action]);
    const [entry] = added;
    expect(entry).toMatchObject({ action: step.action, actor: 'boss', actorId: bossId, address: from });
    expect(entry?.target).not.toBe('');
    const parts = { before: ['before'], after: ['after'], both: ['before', 'after'], none: [] }[step.has ?? 'none'];
    for (const part of parts) expect(entry?.detail).toHaveProperty(part);
  });

  test('has nothing of what was refused, nothing secret, and every entry in its chain', async () => {
    const earlier = await entries();
    const viewer = { headers: rig.as.read, payload: { name: 'x' } };
    for (const url of ['/api/v1/projects', '/api/v1/functions/nobody/versions', '/api/v1/users'])
      expect((await rig.app.inject({ method: 'POST', url, ...viewer })).statusCode).toBe(403);
    expect(
      (await rig.app.inject({ method: 'DELETE', url: '/api/v1/functions/x', headers: rig.as.admin })).statusCode,
    ).toBe(404);
    expect(await entries()).toEqual(earlier);
    const text = JSON.stringify(earlier);
    for (const form of [planted, encodeURIComponent(planted)]) expect(text).not.toContain(form);
    expect(await rig.store.audit.verify()).toMatchObject({ isIntact: true, entries: earlier.length });
  });
});
