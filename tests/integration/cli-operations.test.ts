import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { hearth } from '../support/run-cli.ts';

/** The commands of those who run functions, against a real platform with functions that really fail. */
let platform: Platform;
let folder = '';
beforeAll(async () => {
  platform = await startPlatform();
  folder = mkdtempSync(join(tmpdir(), 'hearth-cli-operations-'));
  const source = `export const handler = async (event) => {
  if (event?.headers?.['x-cli']) return { statusCode: 201, headers: { 'x-method': event.requestContext.http.method }, body: event.rawPath + '?' + event.rawQueryString + ' ' + event.headers['x-cli'] + ' ' + (event.isBase64Encoded ? atob(event.body) : event.body) };
  if (event?.fail === true) throw new TypeError('no such order');
  return { got: event };
};`;
  for (const version of [1, 2]) {
    writeFileSync(join(folder, 'index.mjs'), `// version ${version}\n${source}`);
    writeFileSync(
      join(folder, 'hearth.json'),
      JSON.stringify({
        name: 'orders',
        runtime: 'nodejs',
        retry: { maxAttempts: 1 },
        schedules: [{ name: 'nightly', cron: '0 3 * * *', payload: { by: 'schedule' } }],
      }),
    );
    const deployed = await run(['deploy', folder, '--message', `v${version}`]);
    expect(deployed.code, deployed.stderr).toBe(0);
  }
});
afterAll(async () => {
  await platform?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const run = (argv: readonly string[]) => hearth(platform, ...argv);
async function json(argv: readonly string[]): Promise<never> {
  const { code, stdout, stderr } = await run([...argv, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as never;
}

test('aliases take shares of the traffic, with a guard, and go', async () => {
  const set = await run(['alias', 'set', 'orders', 'live', '1=3', '2=1', '--stable', '1', '--min-invocations', '50']);
  expect([set.code, set.stderr]).toEqual([0, 'orders/live: 1: 75 %, 2: 25 %, back to version 1 on failures\n']);
  expect((await run(['alias', 'set', 'orders', 'next', '2'])).stderr).toBe('orders/next: version 2, no guard\n');
  expect(await json(['alias', 'list', 'orders'])).toMatchObject([
    { name: 'live', canary: { stable: 1, minInvocations: 50, maxErrorRateRise: 0.05 } },
    { name: 'next', versions: [{ version: 2, weight: 1 }] },
  ]);
  expect((await run(['alias', 'list', 'orders'])).stdout).toMatch(/^ALIAS .*\nlive .*1: 75 %, 2: 25 %.*\nnext /);
  expect((await run(['alias', 'delete', 'orders', 'next'])).code).toBe(0);
  expect(await json(['alias', 'list', 'orders'])).toHaveLength(1);
  expect((await run(['alias', 'set', 'orders', 'live', '2'])).code).toBe(0);
  expect(await json(['alias', 'history', 'orders'])).toMatchObject([
    { alias: 'live', kind: 'promote', before: [{ version: 1 }, { version: 2 }], after: [{ version: 2 }] },
    { alias: 'next', kind: 'delete', before: [{ version: 2 }], after: [] },
    { alias: 'next', kind: 'create', before: [], after: [{ version: 2 }] },
    { alias: 'live', kind: 'split', before: [{ version: 2 }], after: [{ version: 1 }, { version: 2 }] },
    { alias: 'live', kind: 'deploy', reason: 'v2', before: [{ version: 1 }], after: [{ version: 2 }] },
    { alias: 'live', kind: 'deploy', reason: 'v1', before: [], after: [{ version: 1 }] },
  ]);
  const history = await run(['alias', 'history', 'orders', '--alias', 'live', '-n', '1']);
  expect(history.stdout).toMatch(/^WHEN .*\n\S+Z +live +promote +1: 75 %, 2: 25 % +version 2 /);

  expect(await run(['alias', 'set', 'orders', 'live', 'two'])).toMatchObject({
    code: 2,
    stderr: 'hearth: two is not version=weight\nFor example: hearth alias set shop live 3=90 4=10\n',
  });
  expect(await run(['alias', 'set', 'orders', 'live', '1', '2', '--min-invocations', '5'])).toMatchObject({
    code: 2,
  });
  expect((await run(['alias', 'set', 'orders', 'live', '9'])).code).toBe(4);
});

test('a rollback goes to what was live before, never to what was not, and not forward again', async () => {
  writeFileSync(join(folder, 'hearth.json'), JSON.stringify({ name: 'shop', runtime: 'nodejs' }));
  for (const more of [[], ['--no-promote'], []]) {
    const { code, stderr } = await run(['deploy', folder, ...more]);
    expect(code, stderr).toBe(0);
  }
  expect(await run(['rollback', 'shop', '-y', '-m', 'too slow'])).toMatchObject({
    code: 0,
    stderr: 'shop now answers with version 1\n',
  });
  expect(await run(['rollback', 'shop'])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('no version of shop was live before'),
  });
  expect((await run(['rollback', 'shop', '2'])).stderr).toBe('shop now answers with version 2\n');
  expect((await run(['delete', 'shop', '--yes'])).code).toBe(0);
});

test('a failure is found in dead letters and errors, redriven, resolved and deleted', async () => {
  const failed = await run(['invoke', 'orders', '--async', '--wait', '-d', '{"fail":true}']);
  expect(failed.code).toBe(6);
  const letter = await eventually(async () => {
    const letters: { invocationId: string; functionName: string; reason: string }[] = await json([
      'dead-letter',
      'list',
      '--function',
      'orders',
    ]);
    expect(letters).toMatchObject([{ functionName: 'orders', reason: 'attempts-exhausted' }]);
    return letters[0]?.invocationId ?? '';
  });
  expect((await run(['dead-letters', 'list'])).stdout).toContain('no such order');

  const groups: { id: string; type: string; state: string }[] = await eventually(async () => {
    const found: { id: string; type: string; state: string }[] = await json(['error', 'list', '--state', 'open']);
    expect(found).toMatchObject([{ type: 'TypeError', state: 'open' }]);
    return found;
  });
  const group = groups[0]?.id ?? '';
  const shown = await run(['error', 'show', group]);
  expect(shown.stdout).toMatch(/TypeError: no such order[\s\S]*index\.mjs/);
  expect(shown.stderr).toMatch(/^orders: 1 times since .*, open\n$/);
  for (const [command, state] of [
    ['ignore', 'ignored'],
    ['reopen', 'open'],
    ['resolve', 'resolved'],
  ] as const)
    expect((await run(['error', command, group])).stderr).toBe(`${group} is ${state}\n`);

  const redriven = await run(['dead-letter', 'redrive', letter]);
  expect([redriven.code, redriven.stdout]).toEqual([0, expect.stringMatching(/^inv_\S+\n$/)]);
  expect(await run(['dead-letter', 'redrive'])).toMatchObject({
    code: 2,
    stderr: 'hearth: name either dead letters or --function\nSee them with: hearth dead-letter list\n',
  });
  // It fails again and comes back, and all of a function go at once.
  await eventually(async () => expect(await json(['dead-letter', 'list'])).toHaveLength(1));
  expect((await run(['dead-letter', 'redrive', '--function', 'orders'])).stderr).toBe('Submitted 1 again\n');
  const again: { invocationId: string }[] = await eventually(async () => {
    const letters: { invocationId: string }[] = await json(['dead-letter', 'list']);
    expect(letters).toHaveLength(1);
    return letters;
  });
  expect((await run(['dead-letter', 'delete', again[0]?.invocationId ?? ''])).code).toBe(0);
  expect(await json(['dead-letter', 'list'])).toEqual([]);
  expect((await run(['dead-letter', 'delete', 'inv_00000000000000000000000000'])).code).toBe(4);
});

test('versions are looked at and compared, and one is tried with a share of the traffic', async () => {
  expect((await run(['version', 'view', 'orders', 'v2'])).stdout).toMatch(
    /^function {2,}orders\nversion {2,}2\naliases {2,}live\n[\s\S]*\nmessage {2,}v2\n[\s\S]*\nruntime {2,}nodejs\n/,
  );
  const compared = await run(['diff', 'orders', 'v1', '2']);
  expect(compared.stdout).toMatch(/^index\.mjs\n- \/\/ version 1\n\+ \/\/ version 2\n {2}export const handler/);
  expect(await json(['diff', 'orders', '2', '2'])).toMatchObject({ isSameCode: true, fields: [], files: [] });
  expect((await run(['diff', 'orders', '1', 'new'])).code).toBe(2);

  const canary = await run(['deploy', folder, '--name', 'orders', '--canary', '10', '-e', 'REGION=eu']);
  expect(canary.stderr).toMatch(/Deployed orders version 3, with 10 % of the traffic; version 2 takes it back/);
  expect(await json(['alias', 'list', 'orders'])).toMatchObject([
    {
      versions: [
        { version: 2, weight: 90 },
        { version: 3, weight: 10 },
      ],
      canary: { stable: 2 },
    },
  ]);
  // The environment's names are told, its values are not.
  const fields = (await run(['diff', 'orders', 'v2', 'v3'])).stdout;
  expect(fields).toMatch(/^env\.REGION: not set -> •••• /m);
  expect(fields).not.toContain('eu');
  expect((await run(['rollback', 'orders'])).stderr).toBe('orders now answers with version 2\n');
  expect((await run(['deploy', folder, '--name', 'new', '--canary', '10'])).stderr).toContain('nothing of new is live');
});

test('numbers of a function are a table with a line of bars, and the platform is looked over', async () => {
  await eventually(async () => {
    expect((await run(['invoke', 'orders'])).code).toBe(0);
    expect((await run(['metrics', 'orders', '--since', '10m'])).stdout).toMatch(/\ncalls +[1-9]\d* +[ ▁-█]*[▁-█]/);
  });
  expect(await json(['metrics', 'orders'])).toMatchObject({ total: { errors: expect.any(Number) } });
  const looked = await run(['doctor']);
  expect(looked.stdout).toMatch(/^ok {7}command line: .*\n(?:ok|warning) +platform: Hearth .* answers at /);
  expect(looked.stdout).toMatch(/\nok {7}token: admin \(/);
  expect(looked.stdout).toMatch(/\nok {7}isolation process: healthy/);
  expect(looked.code, looked.stdout).toBe(0);
  expect((await run(['open', 'orders'])).stdout).toBe(`${platform.url}/functions/orders\n`);
  expect((await run(['open', 'nothing'])).code).toBe(4);
});

test('secrets are imported from a file, all or none of them, and unset', async () => {
  const file = join(folder, '.env');
  writeFileSync(file, '# of the shop\nAPI_KEY="a b"\nexport TOKEN=x=y\n');
  expect((await run(['secrets', 'import', file])).stderr).toMatch(/^API_KEY is set.*\nTOKEN is set/);
  writeFileSync(file, 'GOOD=1\nPATH=/bin\n');
  expect(await run(['secrets', 'import', file])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/nothing was changed:\n {2}PATH: this name is set by the platform/),
  });
  const listed: { name: string }[] = await json(['secrets', 'list']);
  expect(listed.map(({ name }) => name)).toEqual(['API_KEY', 'TOKEN']);
  expect((await run(['secrets', 'unset', 'API_KEY', 'TOKEN'])).code).toBe(0);
  expect(await json(['secrets', 'list'])).toEqual([]);
});

test('invocations are replayed and cancelled by id', async () => {
  const waiting = (await run(['invoke', 'orders', '--async', '--delay', '600000', '-d', '{"n":1}'])).stdout.trim();
  expect((await run(['invocation', 'cancel', waiting])).stderr).toBe(`Cancelled ${waiting}\n`);
  expect(await json(['invocation', 'show', waiting])).toMatchObject({ status: 'cancelled' });
  expect((await run(['invocation', 'cancel', waiting])).code).toBe(5);

  const first = (await run(['invoke', 'orders', '--async', '-d', '{"n":2}'])).stdout.trim();
  await eventually(async () => expect(await json(['invocation', 'show', first])).toMatchObject({ status: 'success' }));
  const replayed = await run(['invocation', 'replay', first]);
  const second = replayed.stdout.trim();
  expect(second).not.toBe(first);
  await eventually(async () =>
    expect(await json(['invocation', 'show', second])).toMatchObject({
      status: 'success',
      replayOf: first,
      result: { got: { n: 2 } },
    }),
  );
  const waited = await run(['invoke', 'orders', '--replay', first]);
  expect(JSON.parse(waited.stdout)).toEqual({ got: { n: 2 } });
  expect((await run(['invocation', 'show', first])).stdout).toMatch(
    /^id +inv_\S+\nfunction +orders version 2 \(live\)\ntrigger +async\nstatus +success[\s\S]*\npayload +\{"n":2\}\nresult +\{"got":\{"n":2\}\}\n/,
  );
  await eventually(async () => {
    const listed: { id: string }[] = await json(['invocations', 'list', '--trigger', 'async', '--status', 'cancelled']);
    expect(listed.map((item) => item.id)).toEqual([waiting]);
  });
});

test('requests over HTTP that were kept are shown, as a command too, and replayed', async () => {
  expect(
    (await platform.api('POST', '/api/v1/functions/orders/versions', { capture: { requests: 'all' } })).status,
  ).toBe(201);
  const url = `${platform.gatewayUrl}/orders/7?token=planted&a=1`;
  const sent = await fetch(url, { method: 'PUT', headers: { 'x-a': "it's", cookie: 'c=planted' }, body: 'no JSON' });
  const id = sent.headers.get('hearth-invocation-id') ?? '';
  // Its record is written a moment after the response.
  const shown = await eventually(async () => {
    const found = await run(['invocation', 'request', id]);
    expect(found.code, found.stderr).toBe(0);
    return found;
  });
  expect(shown.stdout).toMatch(
    /^PUT http:.*\/orders\/7\?token=redacted&a=1\n[\s\S]*x-a: it's\n[\s\S]*\n\nno JSON\n\nHTTP 200\n/,
  );
  expect(shown.stderr).toBe('left out: header cookie, query token\n');
  expect((await run(['invocation', 'request', id, '--curl'])).stdout).toMatch(
    /^curl -i -X PUT 'http:.*' \\\n[\s\S]*-H 'x-a: it'\\''s'[\s\S]*--data-raw 'no JSON'\n$/,
  );
  expect(await json(['invocation', 'request', id])).toMatchObject({ method: 'PUT', body: 'no JSON' });
  expect((await run(['invocation', 'show', id])).stdout).toContain(`kept: hearth invocation request ${id}\n`);
  const again = JSON.parse((await run(['invoke', 'orders', '--replay', id])).stdout);
  expect(JSON.parse(again.body)).toMatchObject({ got: { rawPath: '/7', body: 'no JSON' } });
  const { version }: { version: number } = await json(['invocation', 'show', id]);
  await eventually(async () => {
    const found: { id: string }[] = await json(['invocation', 'list', '--search', id, '--of-version', String(version)]);
    expect(found.map((item) => item.id)).toEqual([id]);
  });
  expect((await run(['invocation', 'request', 'inv_none'])).code).toBe(4);
});

test('a schedule is seen with its next run and run by hand', async () => {
  const schedules: { id: string }[] = await json(['schedule', 'list', '--function', 'orders']);
  expect(schedules).toMatchObject([{ name: 'nightly', cron: '0 3 * * *', timeZone: 'UTC', enabled: true }]);
  expect((await run(['schedules', 'list'])).stdout).toMatch(/nightly .*T03:00:00\.000Z\n$/);
  const schedule = schedules[0]?.id ?? '';
  expect((await run(['schedules', 'pause', schedule])).stderr).toMatch(/orders nightly: paused \(would run .*T03:00/);
  expect((await run(['schedules', 'list'])).stdout).toMatch(/paused \(would run 20.*T03:00:00\.000Z\)\n$/);
  expect((await run(['schedules', 'resume', schedule])).stderr).toMatch(/orders nightly: next run 20.*T03:00/);
  const id = (await run(['schedule', 'run', schedule])).stdout.trim();
  await eventually(async () =>
    expect(await json(['invocation', 'show', id])).toMatchObject({ status: 'success', trigger: 'schedule' }),
  );
});

test('rules are listed, silenced and tried, and costs are a table', async () => {
  expect(await run(['alert', 'list'])).toMatchObject({ code: 0 });
  const made = await platform.api('POST', '/api/v1/alerts', {
    name: 'Orders fail',
    metric: 'errorRate',
    functionName: 'orders',
    threshold: 0.5,
    channels: [{ kind: 'webhook', url: 'http://127.0.0.1:9/nobody' }],
  });
  const { id } = (await made.json()) as { id: string };
  expect((await run(['alert', 'list'])).stdout).toMatch(/Orders fail .*errorRate above 0\.5 of orders/);
  expect((await run(['alert', 'silence', id, '2h'])).stderr).toMatch(/^Orders fail is silent until \S+Z\n$/);
  expect((await run(['alert', 'silence', id, '0s'])).stderr).toBe('Orders fail speaks again\n');
  expect(await run(['alert', 'silence', id, 'long'])).toMatchObject({ code: 2 });
  expect((await run(['alert', 'test', id])).stderr).toContain(`hearth alert deliveries ${id}`);
  expect((await run(['alert', 'deliveries', id])).stdout).toMatch(/test .*http:\/\/127\.0\.0\.1:9\/nobody/);

  await eventually(async () =>
    expect((await run(['costs', '--since', '1h'])).stdout).toMatch(/^FUNCTION .*USD\n(.*\n)*orders .*\n(.*\n)*all /),
  );
});

test('events are kept, private or shared, and functions called with them', async () => {
  expect(await run(['event', 'save', 'orders', 'two apples', '-d', '{"n": 2}'])).toMatchObject({
    code: 0,
    stderr: 'two apples is saved (private, 8 bytes)\n',
  });
  expect((await run(['event', 'save', 'orders', 'two apples', '-d', '{"n": 3}', '--shared'])).code).toBe(0);
  expect(await json(['event', 'list', 'orders'])).toMatchObject([{ visibility: 'private' }, { visibility: 'shared' }]);
  const got = async () => JSON.parse((await run(['invoke', 'orders', '--event', 'two apples'])).stdout).got;
  expect(await got()).toEqual({ n: 2 });
  expect((await run(['event', 'remove', 'orders', 'two apples'])).stderr).toBe('two apples is deleted\n');
  expect(await got()).toEqual({ n: 3 });
  expect(await run(['invoke', 'orders', '--event', 'pears'])).toMatchObject({
    code: 4,
    stderr: 'hearth: orders has no event "pears"\nSee what there is: hearth event list orders\n',
  });
  expect((await run(['invoke', 'orders', '--event', 'x', '-d', '1'])).code).toBe(2);
  expect((await run(['event', 'save', 'orders', 'x'])).code).toBe(2);
});

test('functions are sent whole HTTP requests, typed or saved, to a draft as well', async () => {
  const request = ['-X', 'put', '--path', '/a?b=ä', '-H', 'x-cli: 1'];
  const answered = '/a?b=%C3%A4 1 {n: 1}\n';
  const plain = await run(['invoke', 'orders', ...request, '-d', '{n: 1}', '-i']);
  expect(plain).toMatchObject({ code: 0, stdout: answered });
  expect(plain.stderr).toMatch(/^HTTP\/1\.1 201\n/);
  expect(plain.stderr).toContain('x-method: PUT\n');
  expect(await json(['invoke', 'orders', ...request, '-d', 'x'])).toMatchObject({ status: 'success', httpStatus: 201 });
  expect(await run(['invoke', 'orders', '--draft', folder, '--path', '/'])).toMatchObject({ code: 0 });
  const save = ['event', 'save', 'orders', 'put', ...request, '-d', '{n: 1}'];
  expect((await run(save)).stderr).toMatch(/^put is saved \(private, /);
  expect(await run(['invoke', 'orders', '--event', 'put'])).toMatchObject({ code: 0, stdout: answered });
  const shared = [...save, '-H', 'Authorization: Bearer x', '--shared'];
  expect((await run(shared)).stderr).toContain('everybody in the project would see what is in Authorization');
  expect((await run([...shared, '--keep-credentials'])).code).toBe(0);
  for (const wrong of [
    ['-H', 'no value'],
    ['-H', 'te: x'],
    ['--path', 'x'],
    ['--path', '/', '--async'],
    ['--path', '/', '-e', 'put'],
  ])
    expect((await run(['invoke', 'orders', ...wrong])).code, String(wrong)).toBe(2);
});

test('what is in a folder is called without being deployed, and leaves no draft, also when it fails', async () => {
  writeFileSync(
    join(folder, 'index.mjs'),
    'export const handler = (event) => { if (event === 0) throw new Error("zero"); return [event]; };',
  );
  expect(await run(['invoke', 'orders', '--draft', folder, '-d', '7'])).toMatchObject({ code: 0, stdout: '[7]\n' });
  expect(await run(['invoke', 'orders', '--draft', folder, '-d', '0'])).toMatchObject({ code: 6 });
  expect(JSON.parse((await run(['invoke', 'orders', '-d', '7'])).stdout)).toEqual({ got: 7 });
  expect(await run(['invoke', 'orders', '--draft', folder, '--async'])).toMatchObject({ code: 2 });
  expect(await run(['invoke', 'nobody', '--draft', folder])).toMatchObject({ code: 4 });
  const left = await platform.api('GET', '/api/v1/functions/orders/drafts');
  expect(await left.json()).toEqual({ items: [] });
});
