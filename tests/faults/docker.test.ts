import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Sandbox } from '../../backend/core/ports/sandbox.ts';
import { DockerDriver } from '../../backend/execution-engine/drivers/docker/docker-driver.ts';
import { parseEngineHost } from '../../backend/execution-engine/drivers/docker/engine/endpoint.ts';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';
import { newId } from '../../shared/ids.ts';
import { BodyClient } from '../conformance/driver-body.ts';
import { bodyPlan } from '../support/body-plan.ts';
import { OwnDaemon, whyNoDaemon } from '../support/docker-daemon.ts';
import { skippedFor } from '../support/skip-reason.ts';

const why = whyNoDaemon();
const { signal: never } = new AbortController();
const fixtures = join(import.meta.dirname, '../fixtures/drivers');
const plan = bodyPlan();
const orphans = 12;
const limits = { memoryMb: 128, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' } as const;

describe.skipIf(why !== undefined)(`docker${skippedFor(why)}`, () => {
  const daemon = new OwnDaemon();
  const platforms: ChildProcess[] = [];
  let directory: string;
  let driver: DockerDriver;
  let engine: EngineClient;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearth-docker-'));
    await daemon.start();
    driver = new DockerDriver({ runDirectory: directory, dockerHost: daemon.host, daemonPatienceMs: 20_000 });
    engine = new EngineClient({ endpoint: parseEngineHost(daemon.host) });
    await healthy();
  });
  afterEach(async () => {
    await driver.sweep(new Set());
    expect(await ours()).toEqual([]);
  });
  afterAll(async () => {
    for (const child of platforms) child.kill('SIGKILL');
    await driver.close();
    engine.close();
    await daemon.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What a probe tries out may take too long on a busy host; then it is tried again. */
  const healthy = () => until(async () => (await driver.probe(never)).status === 'healthy');
  const start = async (): Promise<{ sandbox: Sandbox; body: BodyClient }> => {
    const sandbox = await driver.create({ id: newId('sandbox'), plan, limits, image: undefined }, never);
    const body = new BodyClient(await sandbox.connect(never));
    await body.ready();
    return { sandbox, body };
  };
  const ours = async (): Promise<readonly string[]> =>
    (await engine.listContainers({ label: ['hearth.sandbox'] })).map((container) => container.Id);

  it('tells a container that somebody else removed', async () => {
    const { sandbox } = await start();
    await engine.removeContainer(String(sandbox.handle.data['container']));
    const report = await sandbox.exited;
    expect(report.outOfMemory).toBe(false);
    expect(report.signal === 'SIGKILL' || report.reason?.includes('somebody else')).toBe(true);
  });

  it('makes an image again that somebody deleted', async () => {
    const { sandbox } = await start();
    await sandbox.destroy('over');
    for (const image of await driver.listImages(never)) await engine.removeImage(image.reference);
    expect(await driver.listImages(never)).toEqual([]);
    const again = await start();
    expect(await again.body.command('tick')).toBeTypeOf('number');
    await again.sandbox.destroy('over');
  });

  it('keeps calls running while the daemon is killed, says that it is gone, and is well again by itself', async () => {
    const { sandbox, body } = await start();
    await daemon.kill();
    expect(await body.command('tick')).toBeTypeOf('number');
    expect(await driver.probe(never)).toMatchObject({
      status: 'undetected',
      reason: expect.stringContaining('no Docker daemon'),
    });
    const created = driver.create({ id: newId('sandbox'), plan, limits, image: undefined }, never);
    await expect(created).rejects.toMatchObject({ kind: 'unavailable', code: 'docker_not_running' });
    await daemon.start();
    // Without live-restore a daemon that comes back ends the containers that it finds: the channel and `exited` tell.
    expect(await sandbox.exited).toMatchObject({ outOfMemory: false });
    await until(async () => body.channel.destroyed || body.channel.readableEnded);
    await healthy();
    const again = await start();
    expect(await again.body.command('tick')).toBeTypeOf('number');
    await again.sandbox.destroy('over');
  });

  it('starts again after the daemon was restarted in an orderly way, with nothing of before left', async () => {
    const { sandbox, body } = await start();
    await daemon.stop();
    expect(await sandbox.exited).toMatchObject({ outOfMemory: false });
    await until(async () => body.channel.destroyed || body.channel.readableEnded);
    expect(await driver.probe(never)).toMatchObject({ status: 'undetected' });
    await daemon.start();
    await healthy();
    const again = await start();
    expect(await again.body.command('tick')).toBeTypeOf('number');
    await again.sandbox.destroy('over');
    await until(async () => (await ours()).length === 0);
  });

  it('ends the processes of a sandbox even without the daemon, and its container when it is back', async () => {
    const { sandbox, body } = await start();
    const closed = new Promise((resolve) => body.channel.once('close', resolve));
    await daemon.kill();
    await sandbox.destroy('no longer needed');
    await closed;
    expect((await sandbox.exited).reason).toBe('no longer needed');
    await daemon.start();
    await until(async () => (await ours()).length === 0);
  });

  it('gives up on a daemon that hangs, and uses it again when it goes on', async () => {
    const hasty = new DockerDriver({ runDirectory: directory, dockerHost: daemon.host, requestTimeoutMs: 3000 });
    try {
      // A start may take more than its patience on a busy host; what it is to give up on is the daemon that hangs.
      const sandbox = await driver.create({ id: newId('sandbox'), plan, limits, image: undefined }, never);
      daemon.signal('SIGSTOP');
      const created = hasty.create({ id: newId('sandbox'), plan, limits, image: undefined }, never);
      await expect(created).rejects.toMatchObject({ kind: 'unavailable', code: 'docker_slow' });
      expect(await hasty.probe(never)).toMatchObject({
        status: 'unhealthy',
        reason: expect.stringContaining('did not answer'),
      });
      daemon.signal('SIGCONT');
      await until(async () => (await hasty.probe(never)).status === 'healthy');
      await sandbox.destroy('over');
    } finally {
      daemon.signal('SIGCONT');
      await hasty.close();
    }
  });

  it('sweeps what a killed platform left, and nothing of a living one', async () => {
    const [victim, neighbour] = [await startPlatform(orphans), await startPlatform(1)];
    victim.child.kill('SIGKILL');
    await new Promise((resolve) => victim.child.once('exit', resolve));
    const report = await driver.sweep(new Set());
    expect(report.failed).toEqual([]);
    expect(report.removed.filter((line) => line.startsWith('container'))).toHaveLength(orphans);
    expect(report.removed.filter((line) => line.startsWith('directory'))).toHaveLength(1);
    expect(await ours()).toEqual(neighbour.containers);
    neighbour.child.kill('SIGKILL');
    await new Promise((resolve) => neighbour.child.once('exit', resolve));
    await driver.sweep(new Set());
    const places = readdirSync(join(directory, 'docker'), { withFileTypes: true });
    expect(places.filter((entry) => entry.isDirectory())).toHaveLength(1);
  });

  it('leaves containers alone that only look like its own', async () => {
    const { sandbox } = await start();
    const { Image } = await engine.inspectContainer(String(sandbox.handle.data['container']));
    const strangers = await Promise.all(
      [{ 'hearth.sandbox': 'sbx_x', 'hearth.owner': 'nonsense' }, { 'hearth.sandbox': 'sbx_y' }, {}].map((labels, i) =>
        engine.createContainer(`stranger-${i}`, { Image, Labels: labels, Cmd: ['/usr/bin/node'] } as never),
      ),
    );
    const report = await driver.sweep(new Set());
    expect(report.removed).toEqual([`sandbox ${sandbox.id}`]);
    for (const id of strangers) await engine.removeContainer(id);
  });

  async function startPlatform(count: number): Promise<{ child: ChildProcess; containers: readonly string[] }> {
    const args = [join(fixtures, 'docker-orphan-maker.ts'), directory, daemon.host, String(count)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    platforms.push(child);
    const text = await new Promise<string>((resolve, reject) => {
      child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8')));
      child.once('exit', () => reject(new Error('the platform ended')));
    });
    return { child, containers: JSON.parse(text) as string[] };
  }
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 120_000; !(await condition()); await delay(50)) {
    if (Date.now() > deadline) throw new Error('it did not happen within two minutes');
  }
}
