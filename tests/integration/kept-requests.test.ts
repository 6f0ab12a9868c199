import { afterAll, beforeAll, expect, test } from 'vitest';
import { acceptedSchema, type InvocationDetail, invocationDetailSchema } from '../../shared/api/invocations.ts';
import { type KeptRequestDocument, keptRequestSchema } from '../../shared/api/kept-requests.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
  // Answers with what it was given; says no as it is told.
  const source = `export const handler = async (event) => {
    const { rawPath, rawQueryString, headers, requestContext, body, isBase64Encoded } = event;
    if (headers['x-how'] === 'throw') throw new TypeError('not today');
    const given = { rawPath, rawQueryString, headers, method: requestContext.http.method, body, isBase64Encoded };
    return { statusCode: Number(headers['x-how'] ?? 200), headers: { 'set-cookie': 'a=1', 'x-b': 'c' }, body: JSON.stringify(given) };
  };`;
  const more = { capture: { maxBytes: 1000 }, routes: [{ path: '/orders/:id' }, { path: '/reset/:token' }] };
  const created = await platform.api('POST', '/api/v1/functions', {
    name: 'f',
    files: { 'index.mjs': source },
    ...more,
  });
  expect(created.status, await created.clone().text()).toBe(201);
});
afterAll(async () => await platform.dispose());

const json = { 'content-type': 'application/json' };

async function send(path: string, how: string, body: RequestInit['body'], headers: Record<string, string> = json) {
  const init = {
    method: 'POST',
    body: body ?? null,
    headers: { ...headers, 'x-how': how },
    duplex: 'half',
  } as RequestInit;
  const response = await fetch(`${platform.gatewayUrl}${path}`, init);
  return response.headers.get('hearth-invocation-id') ?? '';
}

/** Once it is over: a caller may have the answer a moment before. */
async function detailOf(id: string): Promise<InvocationDetail> {
  return await eventually(async () => {
    const response = await platform.api('GET', `/api/v1/invocations/${id}`);
    const detail = invocationDetailSchema.parse(await response.json());
    expect(['queued', 'running']).not.toContain(detail.status);
    return detail;
  });
}

async function requestOf(id: string): Promise<KeptRequestDocument> {
  return await eventually(async () => {
    const response = await platform.api('GET', `/api/v1/invocations/${id}/request`);
    expect(response.status, await response.clone().text()).toBe(200);
    return keptRequestSchema.parse(await response.json());
  });
}

async function replay(id: string): Promise<Response> {
  return await platform.api('POST', `/api/v1/invocations/${id}/replay`);
}

async function replayed(id: string): Promise<InvocationDetail> {
  const response = await replay(id);
  expect(response.status, await response.clone().text()).toBe(202);
  const accepted = acceptedSchema.parse(await response.json());
  return await detailOf(accepted.id);
}

test('a call that fails is kept and runs again as the same request', async () => {
  const headers = { ...json, authorization: 'Bearer planted-token', cookie: 'session=planted-cookie' };
  const id = await send('/orders/7?dry=1&access_token=planted-query', '503', '{"n": 1}', headers);
  expect(await detailOf(id)).toMatchObject({ status: 'success', httpStatus: 503, hasRequest: true, payload: null });
  const kept = await requestOf(id);
  expect(kept).toMatchObject({
    method: 'POST',
    url: `${platform.gatewayUrl}/orders/7?dry=1&access_token=redacted`,
    path: '/orders/7',
    body: '{"n": 1}',
    bodyBytes: 8,
    isCut: false,
    replayObstacle: null,
    redacted: ['header authorization', 'header cookie', 'query access_token'],
    response: { status: 503, isCut: false, headers: expect.arrayContaining([{ name: 'x-b', value: 'c' }]) },
  });
  expect(kept.response?.body).toContain('/orders/7');
  expect(JSON.stringify(kept)).not.toMatch(/planted|"set-cookie"/i);

  const again = await replayed(id);
  expect(again).toMatchObject({ trigger: 'replay', replayOf: id, status: 'success', httpStatus: 503, attempts: 1 });
  const { statusCode, body } = again.result as { statusCode: number; body: string };
  expect(statusCode).toBe(503);
  expect(again.payload).toBeNull();
  expect(JSON.stringify(again.result)).not.toContain('set-cookie');
  const given = JSON.parse(body);
  expect(given).toMatchObject({ rawPath: '/orders/7', method: 'POST', body: '{"n": 1}' });
  expect(given.rawQueryString).toBe('dry=1&access_token=redacted');
  expect(given.headers).toMatchObject({ 'x-how': '503', 'content-type': 'application/json' });
  expect(given.headers).not.toHaveProperty('authorization');
  // A replay is a call over HTTP as well, so it can be replayed.
  expect(await requestOf(again.id)).toMatchObject({ method: 'POST', body: '{"n": 1}' });
  expect((await replayed(again.id)).replayOf).toBe(again.id);
});

test('a replay that fails is not tried again, and is no dead letter', async () => {
  const id = await send('/orders/8', 'throw', '{}');
  const again = await replayed(id);
  expect(again).toMatchObject({ status: 'function-error', attempts: 1, error: { message: 'not today' } });
  const letters = await (await platform.api('GET', '/api/v1/dead-letters')).json();
  expect(letters).toMatchObject({ items: [] });
});

test('bodies that arrive in pieces and bytes that are no text come back as they were', async () => {
  const bytes = Buffer.from([0, 255, 254, 10]);
  const pieces = new ReadableStream({
    start(controller) {
      controller.enqueue(bytes.subarray(0, 2));
      controller.enqueue(bytes.subarray(2));
      controller.close();
    },
  });
  const id = await send('/orders/9', '500', pieces as RequestInit['body'], { 'content-type': 'image/png' });
  expect(await requestOf(id)).toMatchObject({ body: bytes.toString('base64'), isBase64Encoded: true, bodyBytes: 4 });
  const { body } = (await replayed(id)).result as { body: string };
  expect(JSON.parse(body)).toMatchObject({ body: bytes.toString('base64'), isBase64Encoded: true });
});

test('what is cut, or has a credential in its path, is shown and refused', async () => {
  const large = await send('/orders/10', '500', 'a'.repeat(1500));
  expect(await requestOf(large)).toMatchObject({ bodyBytes: 1500, isCut: true, replayObstacle: 'request_cut' });
  expect(await (await replay(large)).json()).toMatchObject({ status: 409, code: 'request_cut' });
  const secretPath = await send('/reset/planted-path', '500', '{}');
  expect(await requestOf(secretPath)).toMatchObject({ path: '/reset/redacted', replayObstacle: 'request_masked' });
  expect(await (await replay(secretPath)).json()).toMatchObject({ status: 409, code: 'request_masked' });
});

test('what succeeds is not kept unless its version says so', async () => {
  const fine = await send('/orders/11', '200', '{}');
  expect(await detailOf(fine)).toMatchObject({ status: 'success', hasRequest: false });
  const response = await platform.api('GET', `/api/v1/invocations/${fine}/request`);
  expect(await response.json()).toMatchObject({ status: 404, code: 'request_not_kept' });
  expect(await (await replay(fine)).json()).toMatchObject({ status: 409, code: 'payload_not_kept' });
  const all = { capture: { requests: 'all' } };
  expect((await platform.api('POST', '/api/v1/functions/f/versions', all)).status).toBe(201);
  const kept = await send('/orders/12', '200', '{}');
  expect(await requestOf(kept)).toMatchObject({ path: '/orders/12', response: { status: 200 } });
});

test('invocations are found by version, time, text and id', async () => {
  const find = async (query: string) => {
    const page = await (await platform.api('GET', `/api/v1/invocations?${query}`)).json();
    return (page as { items: InvocationDetail[] }).items;
  };
  await eventually(async () => expect(await find('version=2')).toHaveLength(1));
  const [failed] = await find('search=NOT%20today&trigger=http');
  expect(failed).toMatchObject({ hasRequest: true, error: { message: 'not today' } });
  expect((await find(`search=${failed?.id}`)).map(({ id }) => id)).toEqual([failed?.id]);
  expect(await find('minDurationMs=80000000')).toEqual([]);
  expect((await platform.api('GET', '/api/v1/invocations?version=x')).status).toBe(400);
});

test('nothing is kept where the installation says so', async () => {
  const { dataDirectory } = platform;
  await platform.stop();
  platform = await startPlatform({ dataDirectory, environment: { HEARTH_KEEP_REQUESTS: 'false' } });
  const id = await send('/orders/13', '500', '{}');
  expect(await detailOf(id)).toMatchObject({ httpStatus: 500, hasRequest: false });
});
