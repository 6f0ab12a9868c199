import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secretPageSchema, secretSchema, secretsKeySchema } from '../../shared/api/secrets.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { platformTree } from '../support/process-tree.ts';

const root = join(import.meta.dirname, '../..');
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ environment: { LOG_LEVEL: 'trace' } });
});
afterAll(async () => await platform.dispose());

const put = async (name: string, value: string) => await platform.api('PUT', `/api/v1/secrets/${name}`, { value });
const deploy = async (name: string, source: string, more: object = {}) =>
  await platform.api('POST', '/api/v1/functions', { name, files: { 'index.mjs': source }, ...more });
const call = async (name: string, event: unknown = {}) =>
  await platform.api('POST', `/api/v1/functions/${name}/invocations`, event);

/** Every form in which a value could lie somewhere. */
const formsOf = (value: string): readonly Buffer[] => [
  Buffer.from(value),
  Buffer.from(Buffer.from(value).toString('base64').slice(0, 24)),
  Buffer.from(Buffer.from(value).toString('hex')),
  Buffer.from(value, 'utf16le'),
];

/** Empty where it was removed meanwhile. */
function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

describe('secrets', () => {
  it('are set, listed without values, used by name, and refused while somebody lists them', async () => {
    const missing = await deploy('greet', 'export const handler = () => process.env.GREETING;', {
      secrets: ['GREETING'],
    });
    expect(missing.status).toBe(422);
    expect(await missing.json()).toMatchObject({ code: 'secret_not_set', detail: expect.stringContaining('GREETING') });
    expect(secretSchema.parse(await (await put('GREETING', 'good morning')).json())).toMatchObject({
      version: 1,
      usedBy: [],
    });
    const both = await deploy('greet', 'x', { secrets: ['GREETING'], env: { GREETING: '1' } });
    expect(await both.json()).toMatchObject({ code: 'invalid_config' });
    const source = 'export const handler = () => process.env.GREETING;';
    expect((await deploy('greet', source, { secrets: ['GREETING'] })).status).toBe(201);
    expect(await (await call('greet')).json()).toBe('good morning');
    const text = await (await platform.api('GET', '/api/v1/secrets')).text();
    expect(secretPageSchema.parse(JSON.parse(text)).items).toMatchObject([
      { name: 'GREETING', usedBy: [{ functionName: 'greet', version: 1 }] },
    ]);
    expect(text).not.toContain('good morning');
    const inUse = await platform.api('DELETE', '/api/v1/secrets/GREETING');
    expect(await inUse.json()).toMatchObject({ code: 'secret_in_use', status: 409 });
  });

  it('take effect for the first call after they were changed', async () => {
    for (const value of ['good evening', 'good night', 'hello again']) {
      await put('GREETING', value);
      expect(await (await call('greet')).json()).toBe(value);
    }
  });

  it('check the signatures of callers', async () => {
    const key = 'a key that both sides know';
    await put('HOOK_KEY', key);
    const source = "export const handler = () => ({ statusCode: 200, body: 'taken' });";
    const auth = { type: 'signature', key: 'HOOK_KEY' };
    expect((await deploy('hook', source, { secrets: ['HOOK_KEY'], auth })).status).toBe(201);
    const send = async (signedWith: string, id: string) => {
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signature = createHmac('sha256', signedWith).update(`${id}.${timestamp}.{}`).digest('base64');
      const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
      return await fetch(`${platform.gatewayUrl}/hook`, { method: 'POST', body: '{}', headers });
    };
    expect((await send('another key, just as long', 'msg_1')).status).toBe(401);
    expect(await (await send(key, 'msg_2')).text()).toBe('taken');
  });

  it('work in Python', async () => {
    const files = { 'main.py': 'import os\ndef handler(event, context):\n  return os.environ["GREETING"]\n' };
    const created = await platform.api('POST', '/api/v1/functions', {
      name: 'snake',
      runtime: 'python',
      files,
      secrets: ['GREETING'],
    });
    expect(created.status, await created.clone().text()).toBe(201);
    expect(await (await call('snake')).json()).toBe('hello again');
  });

  it('go on to be readable while the key is rotated, and after a restart', async () => {
    const before = secretsKeySchema.parse(await (await platform.api('GET', '/api/v1/system/secrets-key')).json());
    const rotation = await platform.api('POST', '/api/v1/system/secrets-key/rotation');
    expect(rotation.status).toBe(202);
    expect(await (await call('greet')).json()).toBe('hello again');
    await eventually(async () => {
      const now = secretsKeySchema.parse(await (await platform.api('GET', '/api/v1/system/secrets-key')).json());
      expect(now.pending).toBe(0);
      expect(now.keyId).not.toBe(before.keyId);
    });
  });

  it('are set from stdin by the command line, which never shows them', async () => {
    const hearth = (argv: readonly string[], input?: string) => {
      const child = promisify(execFile)(process.execPath, ['cli/main.ts', ...argv], {
        cwd: root,
        env: { PATH: process.env['PATH'], HEARTH_URL: platform.url, HEARTH_TOKEN: platform.token },
      });
      child.child.stdin?.end(input);
      return child;
    };
    const set = await hearth(['secrets', 'set', 'FROM_CLI'], 'line one\nline two\n');
    expect(set.stdout + set.stderr).toContain('FROM_CLI is set (version 1)');
    expect(set.stdout + set.stderr).not.toContain('line one');
    const source = 'export const handler = () => process.env.FROM_CLI;';
    await deploy('from-cli', source, { secrets: ['FROM_CLI'] });
    expect(await (await call('from-cli')).json()).toBe('line one\nline two');
    expect((await hearth(['secrets', 'list'])).stdout).toContain('FROM_CLI');
    await expect(hearth(['secrets', 'delete', 'FROM_CLI'])).rejects.toMatchObject({ code: 5 });
    await expect(hearth(['secrets', 'delete', 'NOT_THERE'])).rejects.toMatchObject({ code: 4 });
    expect((await hearth(['secrets', 'rotate'])).stderr).toContain('all secrets are wrapped with it');
    await expect(hearth(['secrets', 'set', 'EMPTY'], '')).rejects.toMatchObject({ code: 2 });
  });
});

describe('a planted secret', () => {
  it('is in no file, log or host process, although its function does everything to spread it', async () => {
    const planted = `planted-${crypto.randomUUID()}-${crypto.randomUUID()}`;
    await put('PLANTED', planted);
    const source = `
      const value = process.env.PLANTED;
      console.log('top level', value);
      export const handler = async (event) => {
        console.log(value);
        console.error(JSON.stringify({ value }), encodeURIComponent(value), btoa(value), btoa('user:' + value));
        process.stdout.write('raw ' + value + '\\n');
        console.log('x'.repeat(16384 - 12) + value);
        if (event.rawPath !== undefined) return { statusCode: 500, headers: { 'x-a': value }, body: value };
        if (event.how === 'throw') throw Object.assign(new TypeError('failed with ' + value), { name: 'E' + value });
        if (event.how === 'crash') setTimeout(() => { throw new Error('late ' + value); });
        return 'done';
      };`;
    const created = await deploy('spread', source, { secrets: ['PLANTED'] });
    expect(created.status, await created.clone().text()).toBe(201);
    expect(await (await call('spread')).json()).toBe('done');
    const thrown = await call('spread', { how: 'throw' });
    expect(thrown.status).toBe(502);
    const problem = await thrown.text();
    expect(problem).toContain('failed with [redacted]');
    await call('spread', { how: 'crash' });
    const failing = 'throw new Error("no start " + process.env.PLANTED)';
    await deploy('no-start', failing, { secrets: ['PLANTED'] });
    const start = await (await call('no-start')).text();
    expect(start).toContain('no start [redacted]');
    const queued = await platform.api('POST', '/api/v1/functions/spread/invocations?mode=async', { how: 'throw' });
    expect(queued.status).toBe(202);
    await call('spread');
    // A caller that sends it everywhere, in a call whose request is kept.
    const sent = await fetch(`${platform.gatewayUrl}/spread/${planted}?a=${planted}&b=${btoa(`:${planted}`)}`, {
      method: 'POST',
      headers: {
        'x-plain': planted,
        'x-basic': btoa(`user:${planted}`),
        authorization: planted,
        cookie: `a=${planted}`,
      },
      body: JSON.stringify({ value: planted, more: btoa(planted) }),
    });
    expect(sent.status).toBe(500);
    const kept = `/api/v1/invocations/${sent.headers.get('hearth-invocation-id')}/request`;
    const keptText = await eventually(async () => {
      const text = await (await platform.api('GET', kept)).text();
      expect(text).toContain('"redacted":["header authorization"');
      return text;
    });

    // Lines arrive in the store a moment after they were written.
    await eventually(async () => {
      const logs = await (await platform.api('GET', '/api/v1/functions/spread/logs?limit=200')).text();
      expect(logs.match(/\[redacted\]/g)?.length).toBeGreaterThan(8);
    });
    const seen = [problem, start, keptText, platform.output()];
    for (const path of [
      'functions/spread/logs?limit=200',
      'invocations?limit=200',
      'audit',
      'secrets',
      'functions/spread',
    ])
      seen.push(await (await platform.api('GET', `/api/v1/${path}`)).text());
    const forms = formsOf(planted);
    for (const text of seen) for (const form of forms) expect(text).not.toContain(form.toString('latin1'));

    // The database, its write-ahead log, bundles, build folders, sandboxes' folders, keys.
    // Again where a folder, such as that of a sandbox that ends, is removed meanwhile.
    const names = await eventually(() => readdirSync(platform.dataDirectory, { recursive: true, encoding: 'utf8' }));
    const files = names
      .map((name) => join(platform.dataDirectory, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
    expect(files.some((path) => path.endsWith('hearth.db-wal'))).toBe(true);
    for (const path of files) {
      const bytes = contentOf(path);
      for (const form of forms) expect(bytes.includes(form), path).toBe(false);
    }

    // Command lines and environments of everything that the platform started, sandboxes included.
    const tree = platformTree(platform.pid);
    expect(tree.length).toBeGreaterThan(1);
    for (const { pid, commandLine, environment } of tree) {
      for (const form of forms) {
        expect(commandLine.includes(form), `command line of ${pid}`).toBe(false);
        expect(environment.includes(form), `environment of ${pid}`).toBe(false);
      }
    }
  });
});

describe('the key', () => {
  it('that does not fit ends the start with one line', async () => {
    const { dataDirectory } = platform;
    await platform.stop();
    const wrong = { HEARTH_SECRETS_KEY: Buffer.alloc(32, 7).toString('base64') };
    const failed = (await startPlatform({ dataDirectory, environment: wrong }).catch(
      (error: unknown) => error,
    )) as Error;
    expect(failed.message).toContain('give Hearth the key that they were set with');
    expect(failed.message).not.toContain(wrong.HEARTH_SECRETS_KEY);
    platform = await startPlatform({ dataDirectory });
    expect(await (await call('greet')).json()).toBe('hello again');
  });

  it('in the environment is not handed on to what the platform starts', async () => {
    const { dataDirectory } = platform;
    const kept = readFileSync(join(dataDirectory, 'secrets.key'), 'utf8').trim();
    await platform.stop();
    platform = await startPlatform({ dataDirectory, environment: { HEARTH_SECRETS_KEY: kept } });
    // A build starts the most.
    await deploy('built', 'export const handler = () => 1;', {});
    expect(await (await call('greet')).json()).toBe('hello again');
    const children = platformTree(platform.pid).filter(({ pid }) => pid !== platform.pid);
    expect(children.length).toBeGreaterThan(0);
    for (const child of children) expect(child.environment.includes(kept), String(child.pid)).toBe(false);
  });
});
