import { functionTabs, paths } from '../../../frontend/path-builder.ts';
import { acceptedSchema, deadLetterPageSchema, invocationPageSchema } from '../../../shared/api/invocations.ts';
import { eventually, type Platform } from '../../support/platform.ts';

/** As long as a name may be: what does not wrap, overflows. */
const longName = `a-function-whose-name-is-as-long-as-names-may-be-${'x'.repeat(14)}`;

const shop = `export const handler = async (event) => {
  const shelf = event?.queryStringParameters?.shelf ?? 'main';
  console.log(JSON.stringify({ level: 'info', message: 'looking', shelf, ${'user: "ada@example.com", '.repeat(6)} }));
  if (shelf === 'broken') throw new RangeError('shelf ' + shelf + ' is out of reach; ' + 'the ladder is too short, '.repeat(6));
  if (shelf === 'slow') await new Promise((resolve) => setTimeout(resolve, 120));
  return { statusCode: shelf === 'none' ? 404 : 200, body: JSON.stringify({ shelf }) };
};
`;
const worker = "export const handler = async () => { console.error('no stock'); throw new Error('no stock'); };\n";

/**
 * Fills a platform with something of everything that pages show: long names, traffic, failures, retries, dead letters, versions,
 * a split, schedules, secrets, alert rules, tokens and users. Resolves when what comes by itself is there.
 */
export async function inhabit(platform: Platform): Promise<void> {
  const send = async (method: string, path: string, body: unknown): Promise<Response> => {
    const response = await platform.api(method, `/api/v1${path}`, body);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const versions = '/functions/shop/versions';
  await send('PUT', '/secrets/PAYMENT_KEY', { value: 'a-value-of-a-secret' });
  await send('PUT', `/secrets/${'LONG_'.repeat(20)}KEY`, { value: 'another-value' });
  await send('POST', '/functions', {
    name: 'shop',
    description: 'Sells what is on the shelves',
    tags: ['retail', 'team-blue'],
    files: { 'index.mjs': shop, 'README.md': '# Shop\n', 'lib/prices.json': '{"apple": 3}\n' },
    env: { GREETING: 'Hello', REGION: 'north' },
    secrets: ['PAYMENT_KEY'],
    routes: [{ path: '/shop' }, { path: '/shop/:shelf/items/*', methods: ['GET', 'POST'] }],
    schedules: [{ name: 'stock-taking', cron: '*/5 * * * *', payload: { depth: 2 } }],
  });
  await send('POST', versions, {
    files: { 'index.mjs': shop.replace("'looking'", "'searching'") },
    env: { GREETING: 'Welcome' },
    memoryMb: 256,
    message: `Look harder: ${'and further, '.repeat(12)}until it is found`,
  });
  await send('POST', versions, { files: { 'index.mjs': shop }, promote: false, message: 'Not live yet' });
  await send('PUT', '/functions/shop/aliases/live', {
    versions: [
      { version: 2, weight: 90 },
      { version: 3, weight: 10 },
    ],
    canary: { stable: 2 },
  });
  await send('POST', '/functions', {
    name: 'worker',
    files: { 'index.mjs': worker },
    retry: { maxAttempts: 1, maxAgeMs: 60_000, minBackoffMs: 10, maxBackoffMs: 10 },
  });
  const description = 'A description that says more than a line of a table can hold, and then some more. '.repeat(4);
  await send('POST', '/functions', { name: longName, description, files: { 'index.mjs': shop }, tags: ['long'] });
  await send('POST', '/alerts', { name: 'Too many failures', metric: 'errorRate', threshold: 0.05 });
  await send('POST', '/alerts', {
    name: `A rule with a name ${'that goes on '.repeat(5)}`,
    metric: 'p95Ms',
    functionName: longName,
    threshold: 250,
    channels: [{ kind: 'webhook', url: 'https://hooks.operations.example.com/services/a-long-address' }],
  });
  await send('POST', '/tokens', { name: 'pipeline', scope: 'deploy' });
  await drive(platform, send);
}

/** Traffic of all kinds; resolves when the failed asynchronous call lies among the dead letters. */
async function drive(
  platform: Platform,
  send: (method: string, path: string, body: unknown) => Promise<Response>,
): Promise<void> {
  const shelves = ['main', 'main', 'main', 'slow', 'none', 'broken', 'main', 'main'];
  for (let round = 0; round < 4; round++)
    await Promise.all(shelves.map((shelf) => fetch(`${platform.gatewayUrl}/shop?shelf=${shelf}`)));
  await fetch(`${platform.gatewayUrl}/${longName}`);
  const accepted = await send('POST', '/functions/worker/invocations?mode=async', { order: 1042 });
  const { id } = acceptedSchema.parse(await accepted.json());
  await eventually(async () => {
    const { items } = deadLetterPageSchema.parse(await (await platform.api('GET', '/api/v1/dead-letters')).json());
    if (!items.some((letter) => letter.invocationId === id)) throw new Error('not among the dead letters yet');
  });
}

/** Every page of the dashboard, and what is at an address that leads nowhere, on a platform that was inhabited. */
export async function allPages(platform: Platform): Promise<readonly string[]> {
  const answer = await platform.api('GET', '/api/v1/invocations?function=shop&limit=1');
  const [latest] = invocationPageSchema.parse(await answer.json()).items;
  if (latest === undefined) throw new Error('there is no invocation to show');
  // What is left out of here is `function` (below, tab by tab), `newFunction`, and the page of who is not signed in.
  const { function: _function, invocation, project, signIn: _signIn, newFunction, ...single } = paths;
  return [
    ...Object.values(single).map((path) => path()),
    newFunction(),
    invocation(latest.id),
    project('default'),
    ...functionTabs.map((tab) => paths.function('shop', tab)),
    paths.function(longName),
    paths.function(longName, 'settings'),
    paths.function('no-such-function'),
    '/no-such-page',
  ];
}
