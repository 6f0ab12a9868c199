import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { invocationDetailSchema, invocationPageSchema } from '../../shared/api/invocations.ts';
import { gatewayWays } from '../support/gateway-ways.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

/** What callers of functions see of streams, limits and access control; the same through both ways of serving them. */
let platform: Platform;

async function deploy(name: string, source: string, config: object = {}): Promise<void> {
  const body = { name, runtime: 'nodejs', files: { 'index.mjs': source }, ...config };
  const response = await platform.api('POST', '/api/v1/functions', body);
  expect(response.status, await response.clone().text()).toBe(201);
}

const gateway = async (path: string, init?: RequestInit): Promise<Response> =>
  await fetch(`${platform.gatewayUrl}${path}`, init);

/** A request whose body is still being sent. */
function openRequest(path: string, headers: Readonly<Record<string, string>> = {}): ClientRequest {
  const request = httpRequest(`${platform.gatewayUrl}${path}`, { method: 'POST', agent: false, headers });
  request.on('error', () => undefined);
  return request;
}
async function headOf(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}
/** Reads until `expected` is all that came since the last time. */
async function hears(response: IncomingMessage, expected: string): Promise<void> {
  let heard = '';
  while (heard.length < expected.length) {
    const part = response.read() as Buffer | null;
    if (part === null) await once(response, 'readable');
    else heard += String(part);
  }
  expect(heard).toBe(expected);
}

/** Sends each part of a request's body back as an event, and `bye` when the body ends. */
const parrot = `export default { async fetch(request) {
  const parts = request.body.pipeThrough(new TextDecoderStream());
  const events = new ReadableStream({ async start(controller) {
    controller.enqueue('data: hello\\n\\n');
    for await (const part of parts) controller.enqueue('data: ' + part + '\\n\\n');
    controller.enqueue('data: bye\\n\\n');
    controller.close();
  } });
  return new Response(events.pipeThrough(new TextEncoderStream()), { headers: { 'content-type': 'text/event-stream' } });
} };`;
const mirror = 'export default { fetch: async (request) => new Response(await request.arrayBuffer()) };';
const patient = `export const handler = (event, { signal }) => {
  console.log('waiting');
  return new Promise((resolve) => signal.addEventListener('abort', () => { console.log('aborted'); resolve('late'); }));
};`;
const open = 'export const handler = () => ({ statusCode: 200, body: "in" });';

describe.each(gatewayWays)('%s', (_way, environment) => {
  beforeAll(async () => {
    platform = await startPlatform({ environment: { ...environment, HEARTH_MAX_QUEUED_PER_FUNCTION: '20' } });
  });
  afterAll(async () => await platform.dispose());

  describe('streams', () => {
    test('events come while the handler runs and the request is still being sent', async () => {
      await deploy('parrot', parrot, { handler: 'index.default' });
      const request = openRequest('/parrot', { 'content-type': 'text/plain' });
      request.write('one');
      const response = await headOf(request);
      expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'text/event-stream']);
      await hears(response, 'data: hello\n\ndata: one\n\n');
      request.write('two');
      await hears(response, 'data: two\n\n');
      request.end();
      await hears(response, 'data: bye\n\n');
      response.resume();
      await once(response, 'end');
    });

    test.each([0, 1, 70_000, 3_000_000])('%i bytes come back as they were', async (size) => {
      await deploy(`mirror-${size}`, mirror, { handler: 'index.default' });
      const sent = Uint8Array.from({ length: size }, (_, i) => (i * 31) & 255);
      const response = await gateway(`/mirror-${size}`, { method: 'POST', body: sent });
      expect(response.status).toBe(200);
      expect(Buffer.from(await response.arrayBuffer()).equals(sent)).toBe(true);
    });

    test('a client that goes before the answer cancels its call, which is told', async () => {
      await deploy('patient', patient);
      const request = openRequest('/patient', { 'content-length': '0' });
      request.end();
      const logs = async () => await (await platform.api('GET', '/api/v1/functions/patient/logs')).text();
      await eventually(async () => expect(await logs()).toContain('waiting'));
      request.destroy();
      await eventually(async () => {
        const list = await (await platform.api('GET', '/api/v1/invocations?function=patient')).json();
        const id = invocationPageSchema.parse(list).items[0]?.id;
        const detail = await (await platform.api('GET', `/api/v1/invocations/${id}`)).json();
        const { status, logs: lines } = invocationDetailSchema.parse(detail);
        expect(status).toBe('cancelled');
        expect(lines.map(({ text }) => text)).toEqual(['waiting', 'aborted']);
      });
    });
  });

  describe('limits', () => {
    test('a body over the limit is refused by its length, and when it turns out while it comes', async () => {
      await deploy('small', mirror, { handler: 'index.default', maxRequestBytes: 1000, maxResponseBytes: 1000 });
      expect((await gateway('/small', { method: 'POST', body: 'x'.repeat(1000) })).status).toBe(200);
      expect((await gateway('/small', { method: 'POST', body: 'x'.repeat(1001) })).status).toBe(413);
      const request = openRequest('/small');
      for (let i = 0; i < 3; i++) request.write('x'.repeat(400));
      const response = await headOf(request);
      expect(response.statusCode).toBe(413);
      request.destroy();
    });

    test('a response over the limit, a call over its time, and headers over theirs', async () => {
      const long = 'export const handler = () => "x".repeat(2000);';
      await deploy('long', long, { maxResponseBytes: 1000 });
      expect((await gateway('/long')).status).toBe(502);
      await deploy('late', patient, { timeoutMs: 2000 });
      expect((await gateway('/late')).status).toBe(504);
      const headers = { 'x-large': 'x'.repeat(70_000) };
      const large = httpRequest(`${platform.gatewayUrl}/long`, { agent: false, headers });
      large.end();
      expect((await headOf(large)).statusCode).toBe(431);
    });

    test('a function that is full says when to come again', async () => {
      await deploy('full', patient, { maxConcurrency: 1, timeoutMs: 1000 });
      const answers = await Promise.all(Array.from({ length: 30 }, () => gateway('/full')));
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThan(0);
      for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    });
  });

  describe('access', () => {
    test('tokens: nobody without one, and the function does not see it', async () => {
      await deploy('by-token', 'export const handler = ({ headers }) => ({ given: headers.authorization ?? null });', {
        auth: { type: 'token' },
      });
      const as = (token?: string) =>
        gateway('/by-token', token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
      expect((await as()).status).toBe(401);
      expect((await as('wrong')).status).toBe(401);
      const response = await as(platform.token);
      expect([response.status, await response.json()]).toEqual([200, { given: null }]);
    });

    test('signatures: over the whole body, small and streamed, and once', async () => {
      const key = 'a key of at least sixteen characters';
      await deploy('signed', open, { auth: { type: 'signature', key: 'KEY' }, env: { KEY: key } });
      const sent = async (id: string, body: string, signedBody = body): Promise<number> => {
        const timestamp = String(Math.floor(Date.now() / 1000));
        const digest = createHmac('sha256', key).update(`${id}.${timestamp}.${signedBody}`).digest('base64');
        const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${digest}` };
        return (await gateway('/signed', { method: 'POST', body, headers })).status;
      };
      expect(await sent('one', '{"a":1}')).toBe(200);
      expect(await sent('two', '{"a":2}', '{"a":1}')).toBe(401);
      expect(await sent('three', 'x'.repeat(500_000))).toBe(200);
      expect(await sent('four', 'x'.repeat(500_000), 'x'.repeat(499_999))).toBe(401);
    });

    test.each(['function', 'address'])('limits by %s count over all connections', async (by) => {
      await deploy(`few-${by}`, open, { rateLimits: [{ by, requests: 5, windowSeconds: 3600 }] });
      const close = { headers: { connection: 'close' } };
      const answers = await Promise.all(Array.from({ length: 20 }, () => gateway(`/few-${by}`, close)));
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toEqual([...Array(5).fill(200), ...Array(15).fill(429)]);
    });
  });
});
