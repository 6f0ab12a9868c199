import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AlertRuleRecord } from '../../backend/core/ports/alert-store.ts';
import { newId } from '../../shared/ids.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

type Headers = Record<string, string>;
const password = 'correct horse battery';
const rule = { name: 'orders fail', metric: 'errorRate', functionName: 'orders', threshold: 0.05 };

let rig: ApiRig;
const call = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: object, headers?: Headers) =>
  rig.app.inject({ method, url: `/api/v1${url}`, headers: headers ?? rig.as.admin, ...(payload && { payload }) });
const inProject = (project: string): Headers => ({ ...rig.as.admin, 'hearth-project': project });
const namesOf = async (headers?: Headers) =>
  (await call('GET', '/alerts', undefined, headers)).json().items.map(({ name }: { name: string }) => name);

async function signedIn(name: string, roles: object[]): Promise<Headers> {
  await call('POST', '/users', { name, password, roles });
  const { token } = (await call('POST', '/sessions', { user: name, password })).json();
  return { authorization: `Bearer ${token}` };
}

beforeAll(async () => {
  rig = await apiRig();
  for (const name of ['acme', 'shop']) expect((await call('POST', '/projects', { name })).statusCode).toBe(201);
  const files = { 'index.mjs': 'export const handler = () => 1;' };
  expect((await call('POST', '/functions', { name: 'orders', files }, inProject('acme'))).statusCode).toBe(201);
});
afterAll(() => rig[Symbol.asyncDispose]());

test('operators of a project make rules about its functions, and viewers see none', async () => {
  const operator = await signedIn('olga', [{ project: 'acme', role: 'operator' }]);
  const viewer = await signedIn('vera', [{ project: 'acme', role: 'viewer' }]);
  const made = await call('POST', '/alerts', rule, operator);
  expect(made.json()).toMatchObject({ project: 'acme', functionName: 'orders', state: 'ok' });
  expect((await rig.store.alerts.rules()).map(({ functionName }) => functionName)).toEqual(['acme/orders']);
  const { id } = made.json();
  const changed = await call('PUT', `/alerts/${id}`, { ...rule, threshold: 0.1 }, operator);
  expect(changed.json()).toMatchObject({ project: 'acme', functionName: 'orders', threshold: 0.1 });
  expect((await call('GET', '/alerts', undefined, viewer)).json().code).toBe('role_missing');
  for (const functionName of ['nothing', 'acme/orders'])
    expect((await call('POST', '/alerts', { ...rule, functionName }, operator)).json().code).toBe('function_not_found');
  const ofHost = { name: 'disk', metric: 'diskFreeBytes', threshold: 1 };
  expect((await call('POST', '/alerts', ofHost, operator)).json().code).toBe('platform_metric');
  expect((await call('PUT', `/alerts/${id}`, ofHost, operator)).json().code).toBe('platform_metric');
});

test('a project sees its own rules; owners of all projects see all, those of the installation too', async () => {
  await call('POST', '/alerts', { ...rule, name: 'of the installation', functionName: 'acme/orders' });
  await call('POST', '/alerts', { ...rule, name: 'of the shop', functionName: null }, inProject('shop'));
  expect(await namesOf(inProject('shop'))).toEqual(['of the shop']);
  expect(await namesOf(inProject('acme'))).toEqual(['orders fail']);
  expect(await namesOf()).toEqual(['orders fail', 'of the installation', 'of the shop']);
  const everywhere = await signedIn('ella', [{ project: '*', role: 'operator' }]);
  expect(await namesOf(everywhere)).toEqual(['orders fail', 'of the shop']);
  expect((await call('POST', '/alerts', { ...rule, functionName: null }, everywhere)).json().code).toBe('role_missing');
  expect((await call('POST', '/alerts', rule, { ...everywhere, 'hearth-project': 'acme' })).statusCode).toBe(201);
});

test('rules from before there were any of projects belong to the installation', async () => {
  const { project: _project, ...old } = (await rig.store.alerts.rules())[0] as AlertRuleRecord;
  await rig.store.alerts.createRule({ ...old, id: newId('alertRule'), name: 'old', functionName: null } as never);
  expect(await namesOf(inProject('acme'))).not.toContain('old');
  const listed = (await call('GET', '/alerts')).json().items;
  expect(listed).toContainEqual(expect.objectContaining({ name: 'old', project: null }));
});

test('the rules of a project go with it', async () => {
  expect((await call('DELETE', '/projects/shop')).statusCode).toBe(204);
  expect(await namesOf()).not.toContain('of the shop');
  expect((await rig.store.alerts.rules()).map(({ project }) => project)).not.toContain('shop');
});
