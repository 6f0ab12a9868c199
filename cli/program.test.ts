import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { functionDocument } from '../tests/support/function-document.ts';
import { timeOf } from './commands/logs.ts';
import { readEvents } from './event-stream.ts';
import { runCli } from './program.ts';
import { printable } from './terminal.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

let server: Server;
let url = '';
let handler: Handler = (_request, response) => response.writeHead(500).end();
let folder = '';

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handler(request, response, Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(
  argv: readonly string[],
  options: { environment?: Record<string, string>; stdin?: string; signal?: AbortSignal } = {},
) {
  const out = new PassThrough();
  const err = new PassThrough();
  const exitCode = await runCli({
    argv,
    environment: {
      HEARTH_URL: url,
      HEARTH_TOKEN: 'secret-token',
      XDG_CONFIG_HOME: join(folder, 'config'),
      ...options.environment,
    },
    directory: folder,
    streams: {
      stdout: out,
      stderr: err,
      stdin: Readable.from([options.stdin ?? '']) as unknown as NodeJS.ReadableStream,
    },
    signal: options.signal ?? new AbortController().signal,
    version: '1.2.3',
  });
  return { exitCode, stdout: String(out.read() ?? ''), stderr: String(err.read() ?? '') };
}
const json = (response: ServerResponse, status: number, value: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
};
const problem = (status: number, code: string, detail: string, more: object = {}) => ({
  type: 'about:blank',
  title: 'x',
  status,
  detail,
  code,
  requestId: 'r',
  ...more,
});
const access = { project: 'default', isPlatformWide: true, access: ['read'] };
const whoami = { tokenId: 'tok_1', kind: 'token', name: 'admin', scope: 'admin', ...access };

describe('function', () => {
  it('disables and enables several, and stops at the first that is refused', async () => {
    const sent: string[] = [];
    handler = (request, response, body) => {
      const name = request.url?.split('/').at(-1) ?? '';
      if (request.method === 'GET') return json(response, 200, { nextCursor: null, items: [] });
      if (name === 'gone') return json(response, 404, problem(404, 'function_not_found', 'no'));
      sent.push(`${request.method} ${name} ${body.toString()}`);
      return json(response, 200, functionDocument(name, 0, 0, JSON.parse(body.toString())));
    };
    const off = await run(['function', 'disable', 'a', 'b', '--json']);
    expect(JSON.parse(off.stdout)).toMatchObject([
      { name: 'a', enabled: false },
      { name: 'b', enabled: false },
    ]);
    expect(off.exitCode).toBe(0);
    const on = await run(['function', 'enable', 'a', 'gone', 'b']);
    expect(on).toMatchObject({ exitCode: 4, stdout: '' });
    expect(on.stderr).toContain('a is enabled');
    expect(sent).toEqual(['PATCH a {"enabled":false}', 'PATCH b {"enabled":false}', 'PATCH a {"enabled":true}']);
  });
});

describe('show', () => {
  it('says of a function what people ask, and gives the whole with --json', async () => {
    handler = (_request, response) =>
      json(response, 200, functionDocument('shop', 0, 0, { description: 'sells\u001b[2J' }));
    const { stdout } = await run(['function', 'show', 'shop']);
    expect(stdout).toMatch(/^name {9}shop\ndescription {2}sells\ufffd\[2J\n[\s\S]*\nisolation {4}\S+\n/);
    expect(JSON.parse((await run(['function', 'show', 'shop', '--json'])).stdout)).toMatchObject({ name: 'shop' });
  });
});

describe('login', () => {
  it('checks the token, keeps it for this user only, and later commands use it', async () => {
    const tokens: (string | undefined)[] = [];
    handler = (request, response) => {
      tokens.push(request.headers.authorization);
      json(response, 200, whoami);
    };
    const environment = { HEARTH_TOKEN: undefined as unknown as string };
    const login = await run(['login', '--token-file', '-'], { environment, stdin: 'from-stdin\n' });
    expect(login).toMatchObject({ exitCode: 0, stdout: '' });
    const path = join(folder, 'config/hearth/config.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ url, token: 'from-stdin' });
    expect((await run(['whoami'], { environment })).stdout).toBe(`admin (admin) at ${url}\n`);
    expect(tokens).toEqual(['Bearer from-stdin', 'Bearer from-stdin']);
    // Never to another address.
    const other = await run(['whoami'], {
      environment: { ...environment, HEARTH_URL: url.replace('127.0.0.1', 'localhost') },
    });
    expect([other.exitCode, tokens[2]]).toEqual([0, undefined]);
  });

  it('says whether a person or a job of CI asks', async () => {
    const clients: unknown[] = [];
    handler = (request, response) => {
      clients.push(request.headers['hearth-client']);
      json(response, 200, whoami);
    };
    for (const CI of ['', 'false', 'true', '1']) await run(['whoami'], { environment: { CI } });
    await run(['login'], { environment: { CI: 'true' } });
    expect(clients).toEqual(['cli', 'cli', 'ci', 'ci', 'ci']);
  });

  it('says what to do about a wrong token', async () => {
    handler = (_request, response) => json(response, 401, problem(401, 'bad_token', 'The token is not valid.'));
    const result = await run(['whoami']);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toBe(
      'hearth: The token is not valid.\nThe token was not accepted; run `hearth login` again.\n',
    );
  });
});

describe('init and deploy', () => {
  it('starts from a template and uploads the folder without dependencies and .env', async () => {
    expect(await run(['init', 'my-app', '--template', 'js-fetch'])).toMatchObject({ exitCode: 0 });
    expect(await run(['init', 'my-app', '--template', 'js-fetch'])).toMatchObject({ exitCode: 5 });
    writeFileSync(join(folder, 'my-app/.env'), 'PASSWORD=1');
    const manifest = join(folder, 'my-app/hearth.json');
    const inputSchema = { type: 'object', properties: { id: { type: 'integer' } } };
    writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, 'utf8')), inputSchema }));
    execFileSync('mkdir', ['-p', join(folder, 'my-app/node_modules/x'), join(folder, 'my-app/lib')]);
    writeFileSync(join(folder, 'my-app/node_modules/x/index.js'), '1');
    writeFileSync(join(folder, 'my-app/lib/a.mjs'), 'export const a = 1;');
    const uploads: { url: string | undefined; body: Buffer; type: string | undefined }[] = [];
    handler = (request, response, body) => {
      if (request.method === 'GET') return json(response, 404, problem(404, 'function_not_found', 'no'));
      uploads.push({ url: request.url, body, type: request.headers['content-type'] });
      return json(
        response,
        422,
        problem(422, 'build_failed', 'The build failed.', { buildLog: ['index.mjs:1:1 boom'] }),
      );
    };
    const result = await run(['deploy', 'my-app', '-m', 'first', '--env', 'A=b=c']);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain('The build failed.\n  | index.mjs:1:1 boom');
    const upload = uploads[0]!;
    expect(upload.url).toBe('/api/v1/functions');
    const form = await new Response(new Uint8Array(upload.body), {
      headers: { 'content-type': upload.type ?? '' },
    }).formData();
    expect(JSON.parse(await (form.get('config') as File).text())).toEqual({
      name: 'my-app',
      runtime: 'nodejs',
      handler: 'index.default',
      message: 'first',
      env: { A: 'b=c' },
      inputSchema,
    });
    writeFileSync(join(folder, 'bundle.tar.gz'), new Uint8Array(await (form.get('bundle') as File).arrayBuffer()));
    expect(
      execFileSync('tar', ['tzf', join(folder, 'bundle.tar.gz')], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .sort(),
    ).toEqual(['index.mjs', 'lib/a.mjs']);
  });

  it('lists what would be uploaded with --dry-run, and warns of what may be secret', async () => {
    await run(['init', 'shop', '-y', '-t', 'js-fetch']);
    for (const file of ['.env.local', 'tls.key']) writeFileSync(join(folder, 'shop', file), 'x'.repeat(2048));
    const { exitCode, stdout, stderr } = await run(['deploy', 'shop', '--dry-run']);
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringMatching(/^FILE +SIZE\nindex\.mjs +\d+ B\ntls\.key +2\.0 KiB\n$/),
    ]);
    expect(stderr).toMatch(/^warning: tls\.key may be secret.*\n[\s\S]*left out: \.env\.local \(by default\)\n/);
    const document = JSON.parse((await run(['deploy', 'shop', '--dry-run', '--json'])).stdout);
    expect(document).toMatchObject({
      manifest: { name: 'shop' },
      files: [{ path: 'index.mjs' }, { path: 'tls.key', sizeBytes: 2048 }],
    });
  });

  it('writes where editors find the schema, and does not send it', async () => {
    await run(['init', 'shop', '-y']);
    const written = JSON.parse(readFileSync(join(folder, 'shop/hearth.json'), 'utf8'));
    expect(written).toEqual({
      $schema: `${url}/hearth.schema.json`,
      name: 'shop',
      runtime: 'nodejs',
      handler: 'index.handler',
    });
    const { manifest } = JSON.parse((await run(['deploy', 'shop', '--dry-run', '--json'])).stdout);
    expect(manifest).toEqual({ name: 'shop', runtime: 'nodejs', handler: 'index.handler' });
    const validate = new Ajv2020({ strict: false, formats: { 'date-time': true, uri: true } }).compile(
      JSON.parse(readFileSync(join(import.meta.dirname, '../frontend/public/hearth.schema.json'), 'utf8')),
    );
    expect(validate(written), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ ...written, timeout: 5 })).toBe(false);
    expect(validate({ ...written, memoryMb: 'much' })).toBe(false);
  });

  it.each([
    ['no manifest', undefined, /there is no hearth\.json.*\n.*hearth init/],
    ['not JSON', '{', /is not JSON/],
    ['an unknown field', '{"name":"a","timeout":5}', /mistakes:\n.*timeout/],
    ['a bad name', '{"name":"../a"}', /name: lower-case/],
  ])('refuses a folder with %s', async (_what, manifest, message) => {
    if (manifest !== undefined) writeFileSync(join(folder, 'hearth.json'), manifest);
    const result = await run(['deploy']);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(message);
  });
});

describe('invoke', () => {
  it('prints the result to stdout and what is said about it to stderr', async () => {
    handler = (_request, response, body) =>
      response
        .writeHead(200, { 'hearth-invocation-id': 'inv_1', 'hearth-start': 'warm', 'server-timing': 'handler;dur=1' })
        .end(`got ${body.toString()}`);
    expect(await run(['invoke', 'echo', '-i', '-d', '{"a":1}'])).toEqual({
      exitCode: 0,
      stdout: 'got {"a":1}\n',
      stderr: expect.stringMatching(
        /^HTTP\/1\.1 200 OK\n(?:.+\n)*hearth-invocation-id: inv_1\n(?:.+\n)*server-timing: handler;dur=1\n/,
      ),
    });
    expect((await run(['invoke', 'echo', '-f', '-'], { stdin: '[1]' })).stdout).toBe('got [1]\n');
    expect(await run(['invoke', 'echo', '-d', '{'])).toMatchObject({ exitCode: 2 });
  });

  it('gives the call as one object with --json', async () => {
    const head = {
      'hearth-invocation-id': 'inv_1',
      'hearth-start': 'warm',
      'server-timing': 'queue;dur=0.2, total;dur=1.5',
    };
    const answers = [
      ['application/json', '{"a":1}'],
      ['text/plain', 'hi'],
      ['image/png', Buffer.from([0xff, 0xfe])],
    ] as const;
    const documents = [];
    for (const [type, body] of answers) {
      handler = (_request, response) => response.writeHead(200, { ...head, 'content-type': type }).end(body);
      documents.push(JSON.parse((await run(['invoke', 'echo', '--json'])).stdout));
    }
    const call = { id: 'inv_1', status: 'success', start: 'warm', timing: { queueMs: 0.2, totalMs: 1.5 } };
    expect(documents).toEqual([
      { ...call, contentType: 'application/json', result: { a: 1 } },
      { ...call, contentType: 'text/plain', result: 'hi' },
      { ...call, contentType: 'image/png', resultBase64: '//4=' },
    ]);
  });

  it('shows the head of a refusal too, and says which function may have been meant', async () => {
    handler = (request, response) => {
      if (request.method === 'GET')
        return json(response, 200, {
          nextCursor: null,
          items: ['greeter', 'orders'].map((name) => functionDocument(name, 0, 0)),
        });
      return json(response, 404, problem(404, 'function_not_found', 'no such function'));
    };
    const { exitCode, stderr } = await run(['invoke', 'gretter', '-i']);
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/^HTTP\/1\.1 404 Not Found\n[\s\S]*hearth: no such function\nDid you mean greeter\?\n$/);
  });

  it.each([
    [502, 'function_error', 6],
    [504, 'timed_out', 7],
    [404, 'function_not_found', 4],
    [429, 'queue_full', 8],
    [409, 'conflict', 5],
  ])('ends with the documented status for %s', async (status, code, exitCode) => {
    handler = (_request, response) =>
      json(
        response,
        status,
        problem(
          status,
          code,
          'it failed',
          status === 502
            ? { error: { type: 'Error', message: 'boom', stack: 'Error: boom\n    at handler (index.ts:3:9)' } }
            : {},
        ),
      );
    const result = await run(['invoke', 'echo']);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain('hearth: it failed');
    if (status === 502) expect(result.stderr).toContain('index.ts:3:9');
  });

  it('waits no longer than it is told to, and ends as after a time-out of the function', async () => {
    let isGone = false;
    handler = (_request, response) =>
      response.on('close', () => {
        isGone = true;
      });
    const result = await run(['invoke', 'echo', '--timeout', '100ms']);
    expect(result).toMatchObject({ exitCode: 7, stderr: 'hearth: echo did not answer within 100 ms\n' });
    await expect.poll(() => isGone).toBe(true);
    expect((await run(['invoke', 'echo', '--timeout', 'soon'])).exitCode).toBe(2);
  });

  it('says so when nothing listens', async () => {
    const result = await run(['invoke', 'echo'], { environment: { HEARTH_URL: 'http://127.0.0.1:1' } });
    expect(result.exitCode).toBe(8);
    expect(result.stderr).toMatch(/cannot reach Hearth at http:\/\/127\.0\.0\.1:1: .*\n.*npm start/);
  });
});

describe('output', () => {
  it('never lets a log line control the terminal', async () => {
    handler = (_request, response) =>
      json(response, 200, {
        nextCursor: null,
        items: [
          {
            id: '1',
            at: '2026-01-01T00:00:00.000Z',
            functionName: 'f',
            version: 1,
            invocationId: null,
            instanceId: null,
            level: 'info',
            stream: 'stdout',
            text: '\u001b[2Jwiped\u0000',
          },
        ],
      });
    const result = await run(['logs', 'f']);
    expect(result.stdout).toBe('00:00:00.000 info  \ufffd[2Jwiped\ufffd\n');
    expect(printable('a\tb')).toBe('a\tb');
  });

  it('never lets a name begin a row of a table, or turn the direction of what is around it', async () => {
    const token = { id: 'tok_1', scope: 'read', project: 'acme', createdAt: '2026-01-01T00:00:00.000Z' };
    const items = [{ ...token, name: 'ci\r\ntok_2  admin\tx\u202eevil', expiresAt: null, lastUsedAt: null }];
    handler = (_request, response) => json(response, 200, { nextCursor: null, items });
    const { stdout } = await run(['token', 'list']);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(stdout).toContain('ci\ufffd tok_2  admin x\ufffdevil');
  });

  it('explains usage errors with status 2 and help with status 0', async () => {
    expect(await run(['deplyo'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('Did you mean deploy?'),
    });
    expect(await run(['--help'])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Exit status:') });
    expect(await run(['--version'])).toMatchObject({ exitCode: 0, stdout: '1.2.3\n' });
    expect(await run(['--json', '--version'])).toMatchObject({ exitCode: 0, stdout: '1.2.3\n' });
    expect(await run(['logs', 'f', '--since', 'yesterday'])).toMatchObject({ exitCode: 2 });
  });

  it('leaves options behind a command to the command, but for those that all have', async () => {
    const asked: URL[] = [];
    handler = (request, response) => {
      asked.push(new URL(request.url ?? '', url));
      const metrics = {
        from: '2026-01-01T00:00:00Z',
        to: '2026-01-01T01:00:00Z',
        stepMs: 1000,
        points: [],
        total: null,
      };
      json(response, 200, metrics);
    };
    for (const argv of [
      ['metrics', 'f', '--version', '3', '--json'],
      ['--json', 'metrics', 'f', '--version', '3'],
    ])
      expect(await run(argv)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"total": null') });
    expect(asked.map(({ searchParams }) => searchParams.get('version'))).toEqual(['3', '3']);
    handler = (_request, response) => json(response, 200, { items: [], nextCursor: null });
    expect(await run(['audit', '--json', 'list', '--verbose'])).toMatchObject({ exitCode: 0, stdout: '[]\n' });
    expect(await run(['audit', 'list', '--action', 'secret.read'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('secret.put'),
    });
  });
});

describe('completion', () => {
  it('in bash offers the commands, their options, and those of an alias', async () => {
    const script = join(folder, 'completion.bash');
    writeFileSync(script, (await run(['completion', 'bash'])).stdout);
    const offered = (...words: string[]): string =>
      execFileSync(
        'bash',
        [
          '-c',
          `source ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hearth; echo "\${COMPREPLY[*]}"`,
          'bash',
          'hearth',
          ...words,
        ],
        { encoding: 'utf8' },
      ).trim();
    expect(offered('dep')).toBe('deploy');
    expect(offered('versions', '')).toMatch(/^list view --json --project --verbose --help$/);
    expect(offered('deploy', 'folder', '--can')).toBe('--canary');
    expect((await run(['completion', 'tcsh'])).exitCode).toBe(2);
  });
});

describe('parsing', () => {
  it('reads server-sent events however they are cut', async () => {
    const text = ': ping\n\nid: 7\nevent: log\ndata: {"a":\ndata: 1}\n\nretry: 5\r\ndata:x\r\n\r\ndata: unfinished';
    for (const size of [1, 2, 3, 7, text.length]) {
      const chunks = text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [];
      const stream = ReadableStream.from(
        chunks.map((chunk) => new TextEncoder().encode(chunk)),
      ) as ReadableStream<Uint8Array>;
      const events = [];
      for await (const event of readEvents(stream)) events.push(event);
      expect(events).toEqual([
        { id: '7', event: 'log', data: '{"a":\n1}' },
        { id: '7', event: 'message', data: 'x' },
      ]);
    }
  });

  it('understands times', () => {
    const now = Date.parse('2026-01-02T00:00:00.000Z');
    expect(timeOf('15m', now)).toBe('2026-01-01T23:45:00.000Z');
    expect(timeOf('1d', now)).toBe('2026-01-01T00:00:00.000Z');
    expect(timeOf('2026-01-01T00:00:00Z', now)).toBe('2026-01-01T00:00:00.000Z');
  });
});

describe('mistakes outside the command line', () => {
  it('says which address is no address', async () => {
    for (const address of ['nonsense', 'ftp://x']) {
      const { exitCode, stderr } = await run(['status'], { environment: { HEARTH_URL: address } });
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`${address} is not an address of Hearth`);
      expect(stderr).toContain('HEARTH_URL');
    }
  });

  it('says that a token file cannot be read', async () => {
    const { exitCode, stderr } = await run(['login', '--token-file', join(folder, 'missing')]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('the token file cannot be read');
  });

  it('finds the stored token under an address with a slash at its end', async () => {
    handler = (request, response) => {
      const isRight = request.headers.authorization === 'Bearer kept';
      response
        .writeHead(isRight ? 200 : 401, { 'content-type': 'application/json' })
        .end(JSON.stringify({ ...whoami, name: 'ada' }));
    };
    const file = join(folder, 'token');
    writeFileSync(file, 'kept');
    expect((await run(['login', '--token-file', file])).exitCode).toBe(0);
    const environment = { HEARTH_URL: `${url}/`, HEARTH_TOKEN: undefined as unknown as string };
    expect((await run(['whoami'], { environment })).stdout).toContain('ada (admin)');
  });
});
