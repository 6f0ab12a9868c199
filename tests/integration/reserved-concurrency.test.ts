import { afterAll, beforeAll, expect, it } from 'vitest';
import { poolsSchema } from '../../shared/api/system.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

const places = 6;
const reserved = 2;
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ environment: { HEARTH_MAX_CONCURRENT: String(places) } });
});
afterAll(async () => await platform?.dispose());

/** A call with the query `?stay` lasts until its client goes. */
const source = `export const handler = async (event) => {
  if (event.rawQueryString === 'stay') await new Promise((resolve) => setTimeout(resolve, 600_000));
  return 'done';
};`;
async function deploy(name: string, config: object): Promise<Response> {
  const body = { name, runtime: 'nodejs', files: { 'index.mjs': source }, timeoutMs: 600_000, ...config };
  return await platform.api('POST', '/api/v1/functions', body);
}
const taken = async () => poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json()).places;

it('has its places at once while a flood of ten times the host waits, and no more than these', async () => {
  const own = await deploy('own', { concurrency: 10, maxInstances: 1, reservedConcurrency: reserved });
  expect(own.status, await own.text()).toBe(201);
  expect((await deploy('loud', { concurrency: 100, maxInstances: 1 })).status).toBe(201);

  const leave = new AbortController();
  const ended: string[] = [];
  const call = (path: string, name: string) =>
    fetch(`${platform.gatewayUrl}${path}`, { signal: leave.signal }).then(
      async (response) => void ended.push(`${name} ${response.status} ${await response.text()}`),
      () => undefined,
    );
  const flood = Array.from({ length: 10 * places }, () => call('/loud?stay', 'loud'));
  // All places that are nobody's are taken, by calls that end only when their clients go.
  await eventually(async () => expect(await taken()).toEqual({ total: places, reserved, taken: places - reserved }));

  await Promise.all(Array.from({ length: 20 }, () => call('/own', 'own')));
  expect(ended.filter((line) => line.startsWith('own'))).toEqual(Array(20).fill('own 200 done'));
  // What ended of the flood was refused for want of a place in the queue, not answered.
  expect(ended.filter((line) => line.startsWith('loud') && !line.startsWith('loud 429'))).toEqual([]);

  // Its reserved places are all that it gets: two that stay take them, and the third waits behind the flood.
  const staying = Array.from({ length: reserved }, () => call('/own?stay', 'own'));
  await eventually(async () => expect((await taken()).taken).toBe(places));
  const third = call('/own', 'third');
  expect((await taken()).taken).toBe(places);
  expect(ended.filter((line) => line.startsWith('third'))).toEqual([]);
  leave.abort();
  await Promise.all([...flood, ...staying, third]);
  await eventually(async () => expect((await taken()).taken).toBe(0));
});

it('is refused where the host has not so many places for all', async () => {
  const refused = await deploy('too-much', { concurrency: 100, maxInstances: 1, reservedConcurrency: places });
  expect(refused.status).toBe(422);
  expect(await refused.json()).toMatchObject({ detail: expect.stringContaining('reserv') });
});
