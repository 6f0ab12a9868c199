import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openApiText } from '../../scripts/openapi.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';
import { skippedFor } from '../support/skip-reason.ts';

/**
 * For every route of the OpenAPI document: input that is wrong in every way a generator can think of. Nothing may answer
 * 5xx, and each answer must be one that the document promises: the status, the content type, the schema.
 */
type Json = Record<string, unknown>;
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Json };
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: Json }> }>;
  readonly security?: readonly Json[];
}
const casesPerRoute = Number(process.env['HEARTH_TEST_FUZZ_CASES'] ?? 100);
/** Far more than a case takes on a busy machine: 1 to 4 ms on a quiet one. */
const routeTimeoutMs = 120_000 + casesPerRoute * 50;
/** An answer that takes so long is taken for a hang; a second is the goal on a quiet machine, and what was slowest is said. */
const hangMs = 20_000;
let slowest = { ms: 0, request: '' };
const document = JSON.parse(await openApiText()) as {
  paths: Record<string, Record<string, Operation>>;
  components: Json;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);

const ajv = new Ajv2020({ strict: false, allErrors: false });
(addFormats as unknown as (instance: Ajv2020) => void)(ajv);
ajv.addSchema({ $id: 'api', components: document.components });
const rebase = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll('"#/components/', '"api#/components/'));
const validators = new Map<string, ReturnType<Ajv2020['compile']>>();

let rig: ApiRig;
beforeAll(async () => {
  rig = await apiRig({ maxTokenFailuresPerMinute: 1_000_000, maxJsonBytes: 512 * 1024 });
  const create = (json: Json) =>
    rig.app.inject({ method: 'POST', url: '/api/v1/functions', headers: rig.as.admin, payload: json });
  for (const name of ['hello', 'other']) {
    const made = await create({ name, files: { 'index.mjs': 'x' }, schedules: [{ name: 's', cron: '@daily' }] });
    expect(made.statusCode, made.body).toBe(201);
  }
});
afterAll(() => rig[Symbol.asyncDispose]());

const nastyNames = [
  '..',
  '%2e%2e',
  '%2e%2e%2fetc',
  'a%2fb',
  'a%5cb',
  '%00',
  'A',
  '-a',
  'a'.repeat(64),
  'a'.repeat(300),
  '__proto__',
  'constructor',
  'CON',
  '%F0%9F%92%A9',
  '%E0%A4%A',
  'hello',
  'other',
  'none',
  '0',
  '-1',
  '1',
  '2',
  '99999999999',
  '1e3',
  'live',
  'inv_00000000000000000000000000',
  '%3Cimg%20onerror%3D1%3E',
  "'%20or%201=1--",
  '*',
  ':name',
  ' ',
  '%20',
];
const name = fc.oneof(
  { weight: 3, arbitrary: fc.constant('hello') },
  { weight: 2, arbitrary: fc.constantFrom(...nastyNames) },
);
const scalar = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '1',
    '-1',
    '1.5',
    'NaN',
    'null',
    'true',
    '{}',
    '[]',
    '__proto__',
    'x'.repeat(600),
    '2026-01-01T00:00:00Z',
    '2026-13-01',
    'bm90LWEtY3Vyc29y',
    'eyJhIjoxfQ',
    '%',
    'a,b',
    '\u0000',
    'sync',
    'async',
    'live',
    'hello',
    '200',
    '201',
  ),
  fc.string({ maxLength: 40 }),
);
const query = fc.dictionary(
  fc.constantFrom(
    'limit',
    'cursor',
    'function',
    'status',
    'trigger',
    'from',
    'to',
    'stepMs',
    'version',
    'search',
    'stats',
    'mode',
    'qualifier',
    'delayMs',
    'level',
    'since',
    'until',
    'invocation',
    'refresh',
    '__proto__',
    'constructor',
    'unknown',
  ),
  fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })),
  { maxKeys: 4 },
);
const knownKeys = [
  'name',
  'files',
  'runtime',
  'handler',
  'isolation',
  'timeoutMs',
  'memoryMb',
  'cpus',
  'env',
  'routes',
  'schedules',
  'batch',
  'retry',
  'cors',
  'tags',
  'description',
  'enabled',
  'promote',
  'message',
  'versions',
  'scope',
  'expiresInSeconds',
  'function',
  'egress',
  'minInstances',
  'constructor',
  '__proto__',
  'toString',
  'surprise',
];
const plausible = fc.constantFrom<unknown>(
  { 'index.mjs': 'x' },
  { '../x': 'y' },
  { broken: '' },
  { a: { base64: '!!' } },
  [{ path: '/hello' }],
  [{ path: '/a/:x/:x' }],
  [{ path: '/../x' }],
  [{ path: '/%zz' }],
  [{ path: '/x', alias: 'none' }],
  [{ name: 's', cron: '* * * * *' }],
  [{ name: 's', cron: '99 * * * *' }],
  [{ version: 1 }],
  [{ version: 99 }],
  [{ version: 1 }, { version: 1 }],
  'nodejs',
  'python',
  'process',
  'docker',
  'hello',
  'fresh-one',
  'admin',
  128,
  1e9,
  -1,
  0.5,
  { maxSize: 1e9, windowMs: 0 },
  { A: 'b' },
  { PATH: '/' },
  true,
  null,
);
const body = fc.oneof(
  fc
    .dictionary(fc.constantFrom(...knownKeys), fc.oneof(plausible, fc.jsonValue({ maxDepth: 2 })), { maxKeys: 6 })
    .map((value) => JSON.stringify(value)),
  fc.json({ maxDepth: 3 }),
  fc.constantFrom(
    '',
    '{',
    '{"a":}',
    '[[[',
    'null',
    '""',
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    `{"name":"${'x'.repeat(2000)}"}`,
    `{"description":"${'x'.repeat(600_000)}"}`,
    `${'['.repeat(5000)}${']'.repeat(5000)}`,
    '\ufeff{}',
    '{"name":"hello","name":"other"}',
  ),
  fc.string({ maxLength: 200 }),
);
const contentType = fc.oneof(
  { weight: 6, arbitrary: fc.constant<string | undefined>('application/json') },
  {
    weight: 2,
    arbitrary: fc.constantFrom<string | undefined>(
      undefined,
      'text/plain',
      'application/xml',
      'application/json; charset=utf-16',
      'multipart/form-data',
      'multipart/form-data; boundary=x',
      'x',
      'application/x-www-form-urlencoded',
    ),
  },
);
const credential = fc.oneof(
  { weight: 12, arbitrary: fc.constant('admin') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'deploy',
      'invoke',
      'read',
      'none',
      'wrong',
      'Basic YTpi',
      'Bearer',
      'Bearer  ',
      `Bearer ${'x'.repeat(2000)}`,
    ),
  },
);
const extraHeaders = fc.dictionary(
  fc.constantFrom(
    'if-match',
    'idempotency-key',
    'traceparent',
    'last-event-id',
    'x-request-id',
    'accept',
    'expect-nothing',
  ),
  fc.constantFrom(
    '"1"',
    'W/"2"',
    '*',
    '"x"',
    'nonsense',
    '"999999999999999999999"',
    'a b',
    '00-x',
    '<script>',
    'x'.repeat(300),
  ),
  { maxKeys: 2 },
);
const request = fc.record({
  names: fc.array(name, { minLength: 3, maxLength: 3 }),
  query,
  body,
  contentType,
  credential,
  extraHeaders,
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

function authorization(credentialName: string): Record<string, string> {
  if (credentialName === 'none') return {};
  if (credentialName === 'wrong') return { authorization: 'Bearer hearth_wrong' };
  const scope = rig.as[credentialName as 'admin'];
  return scope ?? { authorization: credentialName };
}

function urlOf(path: string, input: Request): string {
  let next = 0;
  const filled = path.replace(/\{[^}]+\}/g, (parameter) => {
    const given = (input.names[next++] ?? 'x').replaceAll(' ', '%20');
    return parameter === '{visibility}' && given === 'hello' ? 'shared' : given;
  });
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(input.query)) for (const one of [value].flat()) search.append(key, one);
  // Streams do not end; they have tests of their own.
  search.delete('follow');
  const text = search.toString();
  return text === '' ? filled : `${filled}?${text}`;
}

function checkAnswer(operation: Operation, status: number, type: string, text: string): void {
  const documented = operation.responses[String(status)];
  expect(
    documented,
    `${operation.operationId} answered ${status}, which is not documented: ${text.slice(0, 300)}`,
  ).toBeDefined();
  const contents = Object.entries(documented?.content ?? {});
  if (contents.length === 0) {
    expect(text).toBe('');
    return;
  }
  const media = type.split(';')[0] ?? '';
  const found = contents.find(([documentedType]) => documentedType === media);
  // A function chooses the type of its own result.
  if (operation.operationId === 'invokeFunction' && status === 200) return;
  expect(found, `${operation.operationId} ${status} has content type ${media}`).toBeDefined();
  if (!/[/+]json$/.test(media)) return;
  const key = `${operation.operationId} ${status}`;
  const validate = validators.get(key) ?? ajv.compile(rebase(found?.[1].schema) as Json);
  validators.set(key, validate);
  expect(validate(JSON.parse(text)), `${key}: ${ajv.errorsText(validate.errors)} in ${text.slice(0, 400)}`).toBe(true);
}

/** A name that is no name may not lead to the route at all; then the answer is that of an unknown path. */
function isOtherRoute(text: string): boolean {
  const { code } = JSON.parse(text || '{}') as { code?: string };
  return code === 'route_not_found' || code === 'method_not_allowed' || code === 'bad_url';
}

async function attempt(path: string, method: string, operation: Operation, input: Request): Promise<void> {
  const hasBody = operation.requestBody !== undefined || method === 'POST';
  const url = urlOf(path, input);
  const startedAt = performance.now();
  const answer = await rig.app.inject({
    method: method as 'GET',
    url,
    headers: {
      ...input.extraHeaders,
      ...authorization(input.credential),
      ...(hasBody && input.contentType !== undefined ? { 'content-type': input.contentType } : {}),
    },
    ...(hasBody ? { payload: input.body } : {}),
  });
  const ms = performance.now() - startedAt;
  if (ms > slowest.ms) slowest = { ms, request: `${method} ${path}` };
  expect(ms, `${method} ${url} hung`).toBeLessThan(hangMs);
  const type = String(answer.headers['content-type'] ?? '');
  expect(answer.statusCode, `${method} ${url}: ${answer.body.slice(0, 300)}`).toBeLessThan(500);
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
  if (answer.statusCode >= 400) expect(type).toContain('application/problem+json');
  if (type.includes('problem+json') && isOtherRoute(answer.body)) return;
  checkAnswer(operation, answer.statusCode, type, answer.body);
}

describe.each(operations)('$method $path', ({ path, method, operation }) => {
  const isEndless = operation.operationId === 'streamMetrics';
  test.skipIf(isEndless)(
    `bad input never breaks it, and every answer is documented${skippedFor(isEndless ? 'its answer never ends' : undefined)}`,
    async () => {
      await fc.assert(
        fc.asyncProperty(request, (input) => attempt(path, method, operation, input)),
        { seed: 20_261_124, numRuns: casesPerRoute, endOnFailure: true },
      );
      expect(rig.errors).toEqual([]);
    },
    routeTimeoutMs,
  );

  test('without a token: 401, unless it is open', async () => {
    const isOpen = operation.security?.length === 0 || operation.security?.some((one) => Object.keys(one).length === 0);
    const url = path.replace(/\{[^}]+\}/g, '1');
    const answer = await rig.app.inject({ method: method as 'GET', url });
    if (isOpen) expect(answer.statusCode).toBeLessThan(401);
    else expect(answer.json()).toMatchObject({ status: 401, code: 'token_missing' });
  });
});

test('no answer took so long that it looks like a hang', async (context) => {
  expect(slowest.ms).toBeGreaterThan(0);
  await context.annotate(
    `${casesPerRoute} cases a route; the slowest took ${slowest.ms.toFixed(0)} ms, ${slowest.request}`,
  );
});

test('operation ids are unique, and every operation has a summary and a tag', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeGreaterThan(35);
  for (const { operation } of operations)
    expect(operation).toMatchObject({ summary: expect.any(String), tags: [expect.any(String)] });
});
