import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertRuleSchema } from '../../shared/api/alerts.ts';
import { aliasSchema, canaryAbortsSchema } from '../../shared/api/functions.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

/** A real platform, real calls. */
describe('a guarded canary', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform();
    const stable = 'export const handler = async () => "stable";';
    const broken = 'export const handler = async () => { throw new Error("broken"); };';
    await expectStatus(201, 'POST', '/functions', { name: 'shop', files: { 'index.mjs': stable } });
    await expectStatus(201, 'POST', '/functions/shop/versions', { files: { 'index.mjs': broken }, promote: false });
  });
  afterAll(() => platform?.dispose());

  async function expectStatus(status: number, method: string, path: string, body?: object): Promise<unknown> {
    const response = await platform.api(method, `/api/v1${path}`, body);
    expect(response.status, await response.clone().text()).toBe(status);
    return response.json();
  }
  const live = async () => aliasSchema.parse(await expectStatus(200, 'GET', '/functions/shop/aliases/live'));
  const versions = [
    { version: 1, weight: 1 },
    { version: 2, weight: 1 },
  ];

  it('is refused when its stable version has no share, or all of it', async () => {
    for (const body of [
      { versions, canary: { stable: 3 } },
      { versions: [{ version: 1 }], canary: { stable: 1 } },
    ]) {
      const problem = await expectStatus(400, 'PUT', '/functions/shop/aliases/live', body);
      expect(problem).toMatchObject({ code: 'bad_canary' });
    }
  });

  it('is taken back when it fails more, with a reason in the alias and in the audit trail', async () => {
    const watch = { name: 'Canaries', metric: 'canaryAborts', functionName: 'shop', threshold: 0, windowMs: 3_600_000 };
    const { id } = alertRuleSchema.parse(await expectStatus(201, 'POST', '/alerts', watch));
    const guard = { stable: 1, minInvocations: 5 };
    const put = await expectStatus(200, 'PUT', '/functions/shop/aliases/live', { versions, canary: guard });
    expect(put).toMatchObject({ canary: { stable: 1, minInvocations: 5, maxErrorRateRise: 0.05 }, aborted: null });
    // Half of the calls go to each: after some, there are surely five of the canary.
    for (let index = 0; index < 60; index++) await fetch(`${platform.gatewayUrl}/shop`);
    const alias = await eventually(async () => {
      const seen = await live();
      expect(seen.aborted).not.toBeNull();
      return seen;
    });
    expect(alias).toMatchObject({ versions: [{ version: 1, weight: 1 }], canary: null });
    expect(alias.aborted?.reason).toMatch(/^version 2: 100 % of \d+ calls failed, against 0 % of \d+ of version 1$/);
    for (let index = 0; index < 5; index++)
      expect(await (await fetch(`${platform.gatewayUrl}/shop`)).text()).toBe('stable');
    const audit = (await expectStatus(200, 'GET', '/audit?limit=5')) as { items: unknown[] };
    expect(audit.items).toContainEqual(
      expect.objectContaining({ actor: 'canary guard', action: 'alias.abort', target: 'shop/live' }),
    );
    const moves = (await expectStatus(200, 'GET', '/functions/shop/alias-moves?limit=2')) as { items: unknown[] };
    expect(moves.items).toMatchObject([
      { kind: 'abort', before: versions, after: [{ version: 1, weight: 1 }], by: 'canary guard', alias: 'live' },
      { kind: 'split', before: [{ version: 1 }], after: versions },
    ]);
    expect(moves.items[0]).toMatchObject({ reason: alias.aborted?.reason });
    const rule = async () => alertRuleSchema.parse(await expectStatus(200, 'GET', `/alerts/${id}`));
    await eventually(async () => expect(await rule()).toMatchObject({ state: 'firing', value: 1 }), 60_000);
  });

  it('forgets the reason with the next move', async () => {
    const put = await expectStatus(200, 'PUT', '/functions/shop/aliases/live', { versions });
    expect(put).toMatchObject({ canary: null, aborted: null });
  });

  it('is told of as an event that outlives the alias and a SIGKILL, to whom may see the function', async () => {
    await platform.kill();
    platform = await startPlatform({ dataDirectory: platform.dataDirectory });
    const aborts = async (query: string, headers = {}) => {
      const response = await platform.api('GET', `/api/v1/canary-aborts${query}`, undefined, headers);
      return canaryAbortsSchema.parse(await response.json()).items;
    };
    const abort = { functionName: 'shop', alias: 'live', version: 2, stable: 1 };
    expect(await aborts('?function=shop')).toEqual([
      { ...abort, reason: expect.stringMatching(/^version 2: 100 %/), at: expect.any(String) },
    ]);
    expect(await aborts('')).toHaveLength(1);
    expect(await aborts('?to=2020-01-01T00:00:00.000Z')).toEqual([]);
    await expectStatus(201, 'POST', '/projects', { name: 'acme' });
    expect(await aborts('', { 'hearth-project': 'acme' })).toEqual([]);
    await expectStatus(404, 'GET', '/canary-aborts?function=nobody');
  });
});
