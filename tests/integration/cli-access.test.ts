import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../cli/program.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

let rig: ApiRig;
let url = '';
let folder = '';
beforeAll(async () => {
  rig = await apiRig();
  url = await rig.app.listen({ host: '127.0.0.1', port: 0 });
  folder = mkdtempSync(join(tmpdir(), 'hearth-cli-access-'));
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the command line against the real API, as one person with a home of their own. */
async function run(person: string, argv: readonly string[], stdin = '') {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const exitCode = await runCli({
    argv,
    environment: { HEARTH_URL: url, XDG_CONFIG_HOME: join(folder, person) },
    directory: folder,
    streams: { stdout, stderr, stdin: Readable.from([stdin]) as unknown as NodeJS.ReadableStream },
    signal: new AbortController().signal,
    version: '0',
  });
  return { exitCode, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}
const password = 'correct horse battery';

test('people, projects, tokens and the audit trail, from the first token to the last sign-out', async () => {
  const adminToken = rig.as.admin.authorization.slice('Bearer '.length);
  expect((await run('root', ['login', '--token-file', '-'], adminToken)).exitCode).toBe(0);
  expect((await run('root', ['project', 'create', 'acme', '-d', 'The shop'])).exitCode).toBe(0);
  expect((await run('root', ['projects', 'list'])).stdout).toMatch(/^NAME.*\nacme .* The shop\ndefault /);
  const bad = await run('root', ['user', 'create', 'ada', '--role', 'acme=boss', '--no-password']);
  expect([bad.exitCode, bad.stderr]).toEqual([
    2,
    'hearth: acme=boss is not project=role\nRoles are viewer, operator, developer, owner.\n',
  ]);
  const created = await run(
    'root',
    ['user', 'create', 'ada', '--role', 'acme=viewer', '--password-file', '-'],
    `${password}\n`,
  );
  expect([created.exitCode, created.stderr]).toEqual([0, 'ada: active, acme=viewer\n']);
  expect((await run('root', ['user', 'grant', 'ada', 'acme=owner'])).stderr).toBe('ada: active, acme=owner\n');

  const wrong = await run('ada', ['login', '--user', 'ada', '--password-file', '-'], 'something else');
  expect([wrong.exitCode, wrong.stderr.split('\n')[0]]).toEqual([3, 'hearth: user or password is wrong']);
  expect((await run('ada', ['login', '--user', 'ada', '--password-file', '-'], `${password}\n`)).exitCode).toBe(0);
  const config = join(folder, 'ada/hearth/config.json');
  expect(statSync(config).mode & 0o777).toBe(0o600);
  expect(readFileSync(config, 'utf8')).not.toContain(password);
  expect((await run('ada', ['whoami'])).stdout).toBe(`ada (owner) at ${url}\n`);
  expect((await run('ada', ['user', 'list'])).exitCode).toBe(3);
  expect((await run('ada', ['function', 'list', '--project', 'default'])).exitCode).toBe(4);
  expect((await run('ada', ['project', 'use', 'default'])).exitCode).toBe(4);
  expect((await run('ada', ['project', 'use', 'acme'])).exitCode).toBe(0);

  await run('root', ['user', 'create', 'bob', '--no-password']);
  expect((await run('ada', ['member', 'set', 'bob', 'boss'])).exitCode).toBe(2);
  expect((await run('ada', ['member', 'set', 'bob', 'operator'])).stderr).toBe('bob is operator\n');
  expect((await run('ada', ['members', 'list'])).stdout).toMatch(/^NAME +ROLE\nada +owner\nbob +operator\n$/);
  expect((await run('ada', ['member', 'remove', 'ada'])).stderr).toContain('the last owner of acme');
  expect((await run('ada', ['member', 'remove', 'bob'])).exitCode).toBe(0);
  expect((await run('root', ['project', 'update', 'acme', '-d', 'The store'])).stderr).toContain('acme: The store');
  expect((await run('root', ['project', 'show', 'acme'])).stderr).toContain('1 member\n');
  expect((await run('ada', ['project', 'show', 'acme'])).stderr).toBe('acme: The store\n');

  const rule = ['alert', 'create', 'no letters', '--metric', 'deadLetters'];
  expect((await run('ada', rule)).stderr).toContain('say a number as the limit');
  expect((await run('ada', [...rule, '--above', '0', '--email', 'ops@example.org'])).exitCode).toBe(0);
  const [made] = JSON.parse((await run('ada', ['alerts', 'list', '--json'])).stdout);
  expect(made).toMatchObject({ project: 'acme', metric: 'deadLetters', comparison: 'above', windowMs: 300_000 });
  expect((await run('ada', ['alert', 'delete', made.id])).exitCode).toBe(0);

  const token = await run('ada', ['token', 'create', 'ci', '--scope', 'read', '--expires-days', '7']);
  expect(token.stdout).toMatch(/^hearth_\S+\n$/);
  const listed = JSON.parse((await run('ada', ['tokens', 'list', '--json'])).stdout);
  expect(listed).toMatchObject([{ name: 'ci', scope: 'read', project: 'acme' }]);
  expect((await run('ada', ['token', 'create', 'all', '--all-projects'])).exitCode).toBe(3);
  expect((await run('ada', ['token', 'revoke', listed[0].id])).exitCode).toBe(0);

  expect((await run('ada', ['audit', 'list'])).stdout).toContain('token.delete');
  const file = join(folder, 'audit.ndjson');
  expect((await run('root', ['audit', 'export', '-o', file])).exitCode).toBe(0);
  const actions = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).action);
  expect(actions).toEqual(
    expect.arrayContaining(['project.create', 'user.create', 'user.update', 'session.create', 'token.create']),
  );
  expect((await run('root', ['audit', 'export'])).stdout).toBe(readFileSync(file, 'utf8'));
  expect((await run('root', ['audit', 'verify'])).stdout).toMatch(/^intact: \d+ entries, head [0-9a-f]{64}\n$/);

  const session = JSON.parse(readFileSync(config, 'utf8')).token;
  expect((await run('ada', ['logout'])).exitCode).toBe(0);
  expect(rig.controlPlane.sessions.authenticate(session)).toBeUndefined();
  expect((await run('ada', ['whoami'])).exitCode).toBe(3);
  const another = ['user', 'password', 'ada', '--password-file', '-'];
  expect((await run('root', another, 'tired donkey clip\n')).stderr).toBe('ada: active, acme=owner\n');
  expect((await run('ada', ['login', '--user', 'ada', '--password-file', '-'], `${password}\n`)).exitCode).toBe(3);
  expect((await run('root', ['user', 'disable', 'ada'])).stderr).toBe('ada: disabled, acme=owner\n');
  expect((await run('root', ['user', 'revoke', 'ada', 'acme'])).stderr).toBe('ada: disabled, no role\n');
  expect((await run('root', ['user', 'delete', 'ada', '--yes'])).exitCode).toBe(0);
  expect((await run('root', ['project', 'delete', 'acme', '--yes'])).exitCode).toBe(0);
});
