import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createdDraftSchema } from '../../shared/api/functions.ts';
import { invocationDetailSchema } from '../../shared/api/invocations.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => await platform.dispose());

const source = (says: string) => `export const handler = (event, { functionVersion }) => {
  console.log('${says}');
  return ['${says}', process.env.WORD, functionVersion];
};`;
const draftOf = async (files: Readonly<Record<string, string>>) =>
  await platform.api('POST', '/api/v1/functions/tried/drafts', { files });
const callDraft = async (id: string) => await platform.api('POST', `/api/v1/functions/tried/drafts/${id}/invocations`);
const bundleOf = (digest: string) => join(platform.dataDirectory, 'bundles', digest);
const sandboxes = async () => {
  const { pools } = (await (await platform.api('GET', '/api/v1/system/pools')).json()) as {
    pools: { version: number; instances: unknown[] }[];
  };
  return pools.filter(({ version }) => version === 0).flatMap(({ instances }) => instances);
};

test('a draft answers with its own code and the secrets of the function, while callers get the version that is live', async () => {
  await platform.api('PUT', '/api/v1/secrets/WORD', { value: 'word' });
  const deployed = await platform.api('POST', '/api/v1/functions', {
    name: 'tried',
    files: { 'index.mjs': source('live') },
    secrets: ['WORD'],
  });
  expect(deployed.status, await deployed.clone().text()).toBe(201);
  const broken = await draftOf({ 'index.mjs': 'export const handler = (;' });
  expect(broken.status).toBe(422);
  expect(await broken.json()).toMatchObject({ code: 'build_failed', detail: expect.stringContaining('index.mjs') });

  const made = createdDraftSchema.parse(
    await (await draftOf({ 'index.ts': `${source('draft')} export let typed: number | undefined;` })).json(),
  );
  const answer = await callDraft(made.draft.id);
  expect(await answer.json()).toEqual(['draft', 'word', '0']);
  expect(await (await fetch(`${platform.gatewayUrl}/tried`)).json()).toEqual(['live', 'word', '1']);

  const id = answer.headers.get('hearth-invocation-id');
  await eventually(async () => {
    const response = await platform.api('GET', `/api/v1/invocations/${id}`);
    const detail = invocationDetailSchema.parse(await response.json());
    expect(detail).toMatchObject({ version: 0, qualifier: made.draft.id, status: 'success', functionName: 'tried' });
    expect(detail.logs).toMatchObject([{ text: 'draft', version: 0 }]);
  });
  const replay = await platform.api('POST', `/api/v1/invocations/${id}/replay`, {});
  expect(await replay.json()).toMatchObject({ status: 409, code: 'draft_not_replayed' });
  // The call of the version is counted, that of the draft is not.
  await eventually(async () => {
    const text = await (await platform.api('GET', '/metrics')).text();
    const counted = text.split('\n').filter((line) => line.startsWith('hearth_invocations_total{'));
    expect(counted.filter((line) => line.includes('tried'))).toEqual([expect.stringMatching(/version="1".* 1$/)]);
  });
  expect((await platform.api('GET', '/api/v1/functions/tried/versions/0')).status).toBe(400);
});

test('a draft that is deleted leaves no instance and no file, and neither does a platform that is killed', async () => {
  const [one, two] = await Promise.all(
    ['one', 'two'].map(async (says) => {
      const { draft } = createdDraftSchema.parse(await (await draftOf({ 'index.mjs': source(says) })).json());
      expect((await callDraft(draft.id)).status).toBe(200);
      return draft;
    }),
  );
  if (one === undefined || two === undefined) throw new Error('no drafts');
  expect(await sandboxes()).not.toEqual([]);
  expect([one, two].map(({ digest }) => existsSync(bundleOf(digest)))).toEqual([true, true]);
  const before = await sandboxes();
  expect((await platform.api('DELETE', `/api/v1/functions/tried/drafts/${one.id}`)).status).toBe(204);
  await eventually(async () => {
    expect((await sandboxes()).length).toBe(before.length - 1);
    expect([one, two].map(({ digest }) => existsSync(bundleOf(digest)))).toEqual([false, true]);
  });
  const { dataDirectory } = platform;
  await platform.kill();
  platform = await startPlatform({ dataDirectory });
  expect(await (await callDraft(two.id)).json()).toMatchObject({ status: 404, code: 'draft_not_found' });
  await eventually(() => expect(existsSync(bundleOf(two.digest))).toBe(false));
  expect(await (await fetch(`${platform.gatewayUrl}/tried`)).json()).toEqual(['live', 'word', '1']);
});
