import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BundleDigest } from '../../../../shared/ids.ts';
import { PythonAdapter } from './adapter.ts';

const pythonPath = '/usr/bin/python3';
const agentPath = join(import.meta.dirname, 'guest/agent.py');
const limits = { memoryMb: 128, cpus: 1, maxPids: 64, tmpMb: 64, egress: 'none' } as const;

let work: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hearth-pyadapter-'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

async function fakePython(answer: string): Promise<string> {
  const path = join(work, 'python3');
  await writeFile(path, `#!/bin/sh\nprintf '${answer}'\n`);
  await chmod(path, 0o755);
  return path;
}

test('finds the interpreter, and the plan runs it with its own standard library', async () => {
  const adapter = new PythonAdapter({ pythonPath, agentPath });
  const health = await adapter.probe();
  const version = execFileSync(pythonPath, ['--version'], { encoding: 'utf8' }).trim().replace('Python ', '');
  expect(health).toEqual({ status: 'available', version });
  const plan = adapter.plan(limits);
  expect(plan.argv.slice(1)).toEqual(['-I', '-S', '-u', '/hearth/agent.py']);
  expect(plan.agent).toEqual({ hostPath: agentPath, guestPath: '/hearth/agent.py' });
  expect(plan.toolchain.map((mount) => mount.hostPath)).toContain(plan.argv[0]);
  const library = plan.toolchain.find((mount) => mount.hostPath.includes('/lib'))?.hostPath ?? '';
  const os = execFileSync(pythonPath, ['-I', '-c', 'import os; print(os.__file__)'], { encoding: 'utf8' });
  expect(os.startsWith(`${library}/`)).toBe(true);
  expect(new PythonAdapter({ pythonPath, agentPath }).plan(limits)).toEqual(plan);
});

test('keeps the agent as its interpreter compiles it, and goes back to the source where it cannot', async () => {
  const compiledDirectory = join(work, 'agents');
  const adapter = new PythonAdapter({ pythonPath, agentPath, compiledDirectory });
  await adapter.probe();
  const { hostPath } = adapter.plan(limits).agent;
  expect(hostPath.startsWith(`${compiledDirectory}/python-`)).toBe(true);
  // It runs, whatever its name, up to where it wants to know its host; and its tracebacks name the path inside.
  const renamed = join(work, 'agent.py');
  await copyFile(hostPath, renamed);
  expect(() => execFileSync(pythonPath, ['-I', '-S', renamed], { encoding: 'utf8', stdio: 'pipe', env: {} })).toThrow(
    /File "\/hearth\/agent\.py"[\s\S]*HEARTH_CHANNEL is ''/,
  );
  // Once for all: the next platform finds it.
  const again = new PythonAdapter({ pythonPath, agentPath, compiledDirectory });
  await again.probe();
  expect(again.plan(limits).agent.hostPath).toBe(hostPath);
  expect(await readdir(compiledDirectory)).toHaveLength(1);

  const nowhere = new PythonAdapter({ pythonPath, agentPath, compiledDirectory: join(renamed, 'agents') });
  expect(await nowhere.probe()).toMatchObject({ status: 'available' });
  expect(nowhere.plan(limits).agent.hostPath).toBe(agentPath);
});

test('a waiting sandbox with room for them imports modules ahead, one for a version that is known does not', () => {
  const adapter = new PythonAdapter({ pythonPath, agentPath, preloads: ['decimal', 'xml.sax'] });
  const waiting = adapter.plan(limits, true);
  expect(waiting).toMatchObject({
    preloadsModules: true,
    env: { HEARTH_PRELOAD: 'decimal,xml.sax', HEARTH_WAITS: '1' },
  });
  for (const plan of [
    adapter.plan(limits),
    adapter.plan({ ...limits, memoryMb: 64 }, true),
    new PythonAdapter({ pythonPath, agentPath }).plan(limits, true),
  ]) {
    expect(plan.preloadsModules).toBe(false);
    expect(plan.env).not.toHaveProperty('HEARTH_PRELOAD');
  }
  expect(adapter.plan(limits).env).not.toHaveProperty('HEARTH_WAITS');
});

test('says what is missing and how to fix it', async () => {
  const none = await new PythonAdapter({ pythonPath: join(work, 'none'), agentPath }).probe();
  expect(none).toMatchObject({ status: 'missing', fix: expect.stringContaining('apt-get install python3') });
  const old = await new PythonAdapter({ pythonPath: await fakePython('3.6.9\\n/x\\n/y\\n'), agentPath }).probe();
  expect(old).toMatchObject({ status: 'missing', reason: expect.stringContaining('3.6.9 is too old') });
  const agentless = await new PythonAdapter({ pythonPath, agentPath: join(work, 'agent.py') }).probe();
  expect(agentless).toMatchObject({ status: 'missing', fix: expect.stringContaining('npm run build') });
});

test.each([
  ['main.handler', undefined],
  ['pkg.sub.handler', undefined],
  ['pkg/sub.handler', undefined],
  ['pkg.handler', undefined],
  ['other.handler', 'expected other.py or other/__init__.py; there is main.py, pkg'],
  ['main', 'not of the form'],
  ['main.', 'not of the form'],
  ['../main.handler', 'does not name a module'],
  ['my-file.handler', 'does not name a module'],
])('validates %s', async (handler, message) => {
  await writeFile(join(work, 'main.py'), '');
  await mkdir(join(work, 'pkg'));
  await writeFile(join(work, 'pkg/__init__.py'), '');
  await writeFile(join(work, 'pkg/sub.py'), '');
  const bundle = { digest: '0'.repeat(64) as BundleDigest, directory: work, sizeBytes: 0, fileCount: 0 };
  const issues = await new PythonAdapter({ pythonPath, agentPath }).validate(bundle, handler);
  if (message === undefined) expect(issues).toEqual([]);
  else expect(issues).toMatchObject([{ path: 'handler', message: expect.stringContaining(message) }]);
});
