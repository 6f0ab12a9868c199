import type { LightMyRequestResponse } from 'fastify';
import type { ErrorGroupId } from '../../backend/core/ports/error-groups.ts';
import { newId } from '../../shared/ids.ts';
import { errorOccurrences } from '../conformance/store-records.ts';
import { type ApiOperation, apiOperations } from './api-operations.ts';
import { type ApiRig, apiRig } from './api-rig.ts';
import { EventReader } from './event-reader.ts';

type Ids = Readonly<Record<string, string>>;

/** Every route of the OpenAPI document that asks who calls. */
export const guardedOperations = (await apiOperations()).filter(
  ({ access }) => access !== undefined && access !== 'none',
);

/** One of each kind of thing that has an id, in a project of which the caller is no member, and a caller who owns another. */
export interface ForeignProject extends AsyncDisposable {
  readonly rig: ApiRig;
  /** Headers of an owner of the project `other`. */
  readonly stranger: { readonly authorization: string };
  /** Of what is in the project `acme`. */
  readonly foreign: Ids;
  /** Of what never was. */
  readonly missing: Ids;
  /** As an admin in `acme`, unless others are given. */
  call(
    method: ApiOperation['method'],
    url: string,
    payload: unknown,
    headers?: Record<string, string>,
  ): Promise<LightMyRequestResponse>;
  /** As the stranger, with these ids in the path and in the body. */
  send(operation: ApiOperation, ids: Ids, query?: string): Promise<LightMyRequestResponse>;
}

const missing: Ids = {
  name: 'nobody',
  version: '1',
  draft: newId('draft'),
  builds: newId('build'),
  alias: 'beta',
  project: 'nowhere',
  invocations: newId('invocation'),
  'dead-letters': newId('invocation'),
  errors: `err_${'0'.repeat(24)}`,
  schedules: newId('schedule'),
  tokens: newId('token'),
  alerts: newId('alertRule'),
  secrets: 'NOBODYS',
  user: 'somebody',
  session: newId('session'),
  stream: `evs_${'0'.repeat(32)}`,
  visibility: 'shared',
  event: 'nothing',
};

/** Bodies of operations that have no example in the document. */
const bodies: Readonly<Record<string, (ids: Ids) => unknown>> = {
  redriveDeadLetters: ({ name }) => ({ function: name }),
  invokeFunction: () => ({ hello: 1 }),
  putTestEvent: () => ({ hello: 1 }),
  invokeDraft: () => ({ hello: 1 }),
  updateErrorGroup: () => ({ state: 'resolved' }),
  updateSchedule: () => ({ enabled: false }),
  replaceAlert: () => ({ name: 'mine', metric: 'errors', threshold: 2 }),
  silenceAlert: () => ({ durationMs: 1000 }),
};

/** Users are the installation's: an owner may give any of them a role, so whether one exists is not a secret to owners. */
const givesRole = ({ operationId }: ApiOperation) => operationId === 'putMember';

/** Those that name something by an id. */
export const operationsWithIds = guardedOperations.filter(
  (operation) =>
    (operation.path.includes('{') || bodies[operation.operationId] !== undefined) &&
    !givesRole(operation) &&
    // Sets one of the caller's own project, whatever others are called.
    operation.operationId !== 'putSecret',
);

/** What a stranger may not do at all, with any id: the installation's own, and sessions, which tokens do not have. */
export const isRefused = (operation: ApiOperation): boolean =>
  operation.access === 'platform' || operation.path.includes('{session}');

function fill(operation: ApiOperation, ids: Ids): string {
  return operation.path.replaceAll(/\{(\w+)\}/g, (_all, parameter: string) => {
    if (operation.path.startsWith('/api/v1/secrets/')) return ids['secrets'] ?? '';
    const kind = parameter === 'id' ? (operation.path.split('/')[3] ?? '') : parameter;
    // What belongs to the installation is refused before any id is looked at.
    const value = ids[kind] ?? (operation.access === 'platform' ? 'x' : undefined);
    if (value === undefined) throw new Error(`teach this test what {${parameter}} of ${operation.operationId} is`);
    return value;
  });
}

function check(response: { readonly statusCode: number; readonly body: string }, ...expected: readonly number[]): void {
  if (!expected.includes(response.statusCode)) throw new Error(`${response.statusCode}: ${response.body}`);
}

export async function foreignProject(): Promise<ForeignProject> {
  const rig = await apiRig();
  const call: ForeignProject['call'] = (
    method,
    url,
    payload,
    headers = { ...rig.as.admin, 'hearth-project': 'acme' },
  ) => rig.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload: payload as object }) });
  for (const name of ['acme', 'other']) check(await call('POST', '/api/v1/projects', { name }, rig.as.admin), 201);
  const foreign = await fillAcme(rig, call);
  const own = { ...rig.as.admin, 'hearth-project': 'other' };
  const owner = await call('POST', '/api/v1/tokens', { name: 'owner of other' }, own);
  const stranger = { authorization: `Bearer ${owner.json().secret}` };
  return {
    rig,
    stranger,
    foreign,
    missing,
    call,
    send: (operation, ids, query = '') => {
      const made = bodies[operation.operationId]?.(ids) ?? operation.exampleBody ?? {};
      return call(operation.method, fill(operation, ids) + query, operation.hasBody ? made : undefined, stranger);
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}

async function fillAcme(rig: ApiRig, call: ForeignProject['call']): Promise<Ids> {
  const made = await call('POST', '/api/v1/functions', {
    name: 'secret-plan',
    files: { 'index.mjs': 'export const handler = () => 1;' },
    description: 'acme only',
    schedules: [{ name: 'nightly', cron: '@daily' }],
  });
  check(made, 201);
  check(await call('PUT', '/api/v1/functions/secret-plan/aliases/beta', { versions: [{ version: 1 }] }), 200);
  const accepted = await call('POST', '/api/v1/functions/secret-plan/invocations?mode=async', { from: 'acme' });
  const letter = await call('POST', '/api/v1/functions/secret-plan/invocations?mode=async', { from: 'acme' });
  const claims = await rig.store.queue.claim('test', 10, 1000, Date.now());
  const claim = claims.find(({ item }) => item.id === letter.json().id);
  const disposition = { kind: 'dead-letter', reason: 'too-old', report: undefined, error: undefined } as const;
  if (claim === undefined || !(await rig.store.queue.settle(claim, disposition, Date.now())))
    throw new Error('no dead letter');
  const member = { name: 'alice', roles: [{ project: 'acme', role: 'owner' }] };
  check(await call('POST', '/api/v1/users', member, rig.as.admin), 201);
  const draft = await call('POST', '/api/v1/functions/secret-plan/drafts', { memoryMb: 256 });
  check(draft, 201);
  const schedule = (await call('GET', '/api/v1/schedules', undefined)).json().items[0];
  const token = await call('POST', '/api/v1/tokens', { name: 'acme ci', scope: 'deploy' });
  const alert = await call('POST', '/api/v1/alerts', { name: 'acme only', metric: 'errors', threshold: 1 });
  check(alert, 201);
  const group = errorOccurrences(`err_${'a'.repeat(24)}` as ErrorGroupId, { functionName: 'acme/secret-plan' });
  await rig.store.errorGroups.add([group]);
  await call('PUT', '/api/v1/secrets/ACME_KEY', { value: 'acme only' });
  check(await call('PUT', '/api/v1/functions/secret-plan/test-events/shared/acme%20order', { id: 'acme only' }), 200);
  return {
    name: 'secret-plan',
    version: '1',
    draft: draft.json().draft.id,
    builds: String(made.headers['hearth-build-id']),
    alias: 'beta',
    project: 'acme',
    invocations: accepted.json().id,
    'dead-letters': letter.json().id,
    errors: group.id,
    schedules: schedule.id,
    tokens: token.json().id,
    alerts: alert.json().id,
    secrets: 'ACME_KEY',
    user: 'alice',
    session: newId('session'),
    stream: await openStream(rig),
    visibility: 'shared',
    event: 'acme order',
  };
}

/** Of an admin in acme; open until the server ends. */
async function openStream(rig: ApiRig): Promise<string> {
  const url = await rig.app.listen({ port: 0, host: '127.0.0.1' });
  const headers = { ...rig.as.admin, 'hearth-project': 'acme' };
  const reader = await EventReader.open(`${url}/api/v1/events?topic=metrics`, headers);
  return (await reader.until(({ event }) => event === 'open'))?.data.stream ?? '';
}
