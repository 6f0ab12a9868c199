import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invocationDetailSchema, invocationPageSchema } from '../../shared/api/invocations.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => await platform.dispose());

const source =
  'export const handler = (_event, { signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve));';

describe('synchronous calls that run', () => {
  it('are listed, shown and cancelled, whether they came through the gateway or the API', async () => {
    const deployed = await platform.api('POST', '/api/v1/functions', {
      name: 'endless',
      runtime: 'nodejs',
      files: { 'index.mjs': source },
      concurrency: 2,
      maxInstances: 1,
    });
    expect(deployed.status).toBe(201);
    const calls = [
      fetch(`${platform.gatewayUrl}/endless`),
      platform.api('POST', '/api/v1/functions/endless/invocations', {}),
    ] as const;
    const list = async (query: string) => {
      const response = await platform.api('GET', `/api/v1/invocations?function=endless${query}`);
      return invocationPageSchema.parse(await response.json()).items;
    };
    const running = await eventually(async () => {
      const items = await list('&status=running');
      expect(items.map(({ trigger }) => trigger).sort()).toEqual(['api', 'http']);
      return items;
    });
    expect((await list('')).map(({ id, status }) => [id, status])).toEqual(running.map(({ id }) => [id, 'running']));
    expect((await list('&trigger=http&limit=2')).map(({ trigger }) => trigger)).toEqual(['http']);
    expect(await list('&status=success')).toEqual([]);
    for (const { id } of running) {
      const response = await platform.api('GET', `/api/v1/invocations/${id}`);
      expect(invocationDetailSchema.parse(await response.json())).toMatchObject({
        status: 'running',
        finishedAt: null,
        timing: null,
      });
      expect((await platform.api('DELETE', `/api/v1/invocations/${id}`)).status).toBe(204);
    }
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([499, 409]);
    await eventually(async () => {
      expect((await list('')).map(({ id, status }) => [id, status])).toEqual(
        running.map(({ id }) => [id, 'cancelled']),
      );
    });
    expect(await list('&status=running')).toEqual([]);
  });
});
