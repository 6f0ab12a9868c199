import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditRecord } from '../../backend/control-plane/audit.ts';
import { nextStepsSchema } from '../../shared/api/next-steps.ts';
import { newId } from '../../shared/ids.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

/** Steps are done when the platform saw that they were, and are told to those who may take them. */
let rig: ApiRig;
beforeAll(async () => {
  rig = await apiRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

type Headers = Readonly<Record<string, string>>;
const send = (method: 'GET' | 'POST', url: string, headers: Headers, payload?: object) =>
  rig.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });

async function steps(headers: Headers = rig.as.admin): Promise<Record<string, boolean>> {
  await rig.controlPlane.firstUses.settled();
  const response = await send('GET', '/api/v1/next-steps', headers);
  expect(response.statusCode, response.body).toBe(200);
  const { items } = nextStepsSchema.parse(response.json());
  return Object.fromEntries(items.map(({ step, doneAt }) => [step, doneAt !== null]));
}

const inProject = (project: string): Headers => ({ ...rig.as.admin, 'hearth-project': project });

test('nothing is done before it was done', async () => {
  await send('GET', '/api/v1/whoami', { ...rig.as.admin, 'hearth-client': 'dashboard' });
  await send('GET', '/api/v1/whoami', { authorization: 'Bearer hearth_wrong', 'hearth-client': 'cli' });
  expect(await steps()).toEqual({ cli: false, ci: false, alert: false, backup: false });
});

test('the command line was let in, in the project that it named', async () => {
  expect((await send('POST', '/api/v1/projects', rig.as.admin, { name: 'shop' })).statusCode).toBe(201);
  await send('GET', '/api/v1/whoami', { ...inProject('shop'), 'hearth-client': 'cli' });
  expect(await steps(inProject('shop'))).toMatchObject({ cli: true, ci: false });
  expect(await steps()).toMatchObject({ cli: false });
});

test('CI deployed, and did not only try', async () => {
  const headers = { ...rig.as.deploy, 'hearth-client': 'ci' };
  const body = (file: string) => ({ name: 'from-ci', files: { [file]: 'export const handler = () => 1;' } });
  expect((await send('POST', '/api/v1/functions', headers, body('broken'))).statusCode).toBe(422);
  expect(await steps()).toMatchObject({ ci: false });
  expect((await send('POST', '/api/v1/functions', headers, body('index.mjs'))).statusCode).toBe(201);
  expect(await steps()).toMatchObject({ cli: false, ci: true });
  const builds = (await send('GET', '/api/v1/functions/from-ci/builds', rig.as.read)).json();
  expect(builds.items[0]).toMatchObject({ source: 'ci', state: 'ready' });
});

test('there is an alert rule, of the project that is asked about', async () => {
  const rule = { name: 'failing', metric: 'errorRate', threshold: 0.05 };
  expect((await send('POST', '/api/v1/alerts', inProject('shop'), rule)).statusCode).toBe(201);
  expect(await steps(inProject('shop'))).toMatchObject({ alert: true });
  expect(await steps(inProject('default'))).toMatchObject({ alert: false });
});

test('a backup was made, by the audit trail', async () => {
  const actor = { id: newId('token'), name: 'operator', address: '127.0.0.1', project: 'default' };
  await rig.store.audit.append(auditRecord(1_790_000_000_000, actor, 'backup.create', 'installation'));
  expect(await steps()).toMatchObject({ backup: true });
});

test('who may not take a step does not hear of it', async () => {
  expect(Object.keys(await steps(rig.as.read))).toEqual(['cli']);
  expect(Object.keys(await steps(rig.as.deploy))).toEqual(['cli', 'ci', 'alert']);
});
