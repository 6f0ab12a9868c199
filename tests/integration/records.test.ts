import { afterAll, beforeAll, expect, it } from 'vitest';
import { invocationPageSchema } from '../../shared/api/invocations.ts';
import { metricsSchema } from '../../shared/api/metrics.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ environment: { HEARTH_RECORDS_PER_SECOND: '1' } });
});
afterAll(async () => await platform.dispose());

const source = `
export async function handler({ body }) {
  if (body === 'bad') throw new Error('no');
  return body;
}`;

async function deploy(name: string): Promise<void> {
  const config = { name, runtime: 'nodejs', files: { 'index.mjs': source }, maxInstances: 1, concurrency: 32 };
  expect((await platform.api('POST', '/api/v1/functions', config)).status).toBe(201);
}

const call = (name: string, n: number | 'bad') =>
  fetch(`${platform.gatewayUrl}/${name}`, { method: 'POST', body: String(n) });

async function pageOf(query: string) {
  const page = await platform.api('GET', `/api/v1/invocations?limit=200&${query}`);
  return invocationPageSchema.parse(await page.json());
}

it('records of a flood only some calls, says so, and counts all; what failed is recorded whatever comes', async () => {
  await deploy('busy');
  await deploy('calm');
  const sent = 120;
  await call('busy', 0);
  const answers = await Promise.all(Array.from({ length: sent }, (_, n) => call('busy', n % 4 === 3 ? 'bad' : n)));
  const failed = answers.filter(({ status }) => status >= 500).length;
  expect(failed).toBe(sent / 4);
  await call('calm', 1);

  await eventually(async () =>
    expect((await pageOf('function=busy&status=function-error')).items).toHaveLength(failed),
  );
  const { items, leftOutAt } = await pageOf('function=busy&status=success');
  expect(items.length).toBeGreaterThan(0);
  expect(items.length).toBeLessThan(sent - failed);
  expect(Date.parse(leftOutAt ?? '')).toBeGreaterThan(Date.now() - 600_000);

  await eventually(async () => {
    const metrics = await platform.api('GET', '/api/v1/metrics?function=busy');
    expect(metricsSchema.parse(await metrics.json()).total?.invocations).toBe(sent + 1);
  });
  const counters = await (await platform.api('GET', '/metrics')).text();
  expect(counters).toContain(`hearth_records_left_out_total ${sent - failed + 1 - items.length}\n`);

  const calm = await eventually(async () => {
    const page = await pageOf('function=calm');
    expect(page.items).toHaveLength(1);
    return page;
  });
  expect(calm.leftOutAt).toBeNull();
  expect((await pageOf('')).leftOutAt).toBe(leftOutAt);
});
