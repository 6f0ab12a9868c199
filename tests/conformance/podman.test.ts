import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerDriver } from '../../backend/execution-engine/drivers/docker/docker-driver.ts';
import { toEngineEndpoint } from '../../backend/execution-engine/drivers/docker/engine/endpoint.ts';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';
import { eventually } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { describeDocker } from './docker-suite.ts';

const isThere = spawnSync('podman', ['--version']).status === 0;
const reason = !isThere
  ? 'podman is not installed'
  : spawnSync('runc', ['--version']).status !== 0
    ? 'runc is not installed'
    : process.getuid?.() === 0
      ? undefined
      : 'a service of its own needs root';

/** The compatible socket of a Podman, started for this test with data of its own. */
describe.skipIf(reason !== undefined)(`podman's compatible socket${skippedFor(reason)}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-podman-'));
  const socketPath = join(directory, 'sock');
  const host = `unix://${socketPath}`;
  let service: ChildProcess;
  let engine: EngineClient;

  beforeAll(async () => {
    const place = (name: string) => join(directory, name);
    service = spawn(
      'podman',
      [
        ...['--root', place('root'), '--runroot', place('run'), '--cgroup-manager=cgroupfs', '--events-backend=file'],
        // The other, crun, refuses hosts with hybrid control groups.
        ...['--runtime', 'runc'],
        ...['system', 'service', '-t', '0', host],
      ],
      // Its monitor writes a file into the working directory when memory runs out.
      { stdio: 'ignore', cwd: directory },
    );
    await eventually(() => expect(existsSync(socketPath)).toBe(true));
    engine = new EngineClient({ endpoint: toEngineEndpoint(host) });
    await eventually(() => engine.ping());
  });
  afterAll(async () => {
    engine?.close();
    const ended = new Promise((resolve) => service.once('exit', resolve));
    service.kill('SIGKILL');
    await ended;
    spawnSync('umount', ['-l', join(directory, 'root/overlay')]);
    rmSync(directory, { recursive: true, force: true });
  });

  it('answers the engine client, and is known for what it is', async () => {
    expect((await engine.version()).ApiVersion).toMatch(/^1\./);
    const info = await engine.info();
    expect(info.BuildahVersion).toBeDefined();
    expect(await engine.listContainers({})).toEqual([]);
  });

  it('lets functions out to no network', async (context) => {
    const driver = new DockerDriver({ runDirectory: join(directory, 'hearth'), dockerHost: host, images: {} });
    try {
      const health = await driver.probe(AbortSignal.timeout(60_000));
      if (health.status !== 'healthy') context.skip(health.reason);
      expect(health).toMatchObject({ status: 'healthy', tier: 'strict' });
      expect(health.status === 'healthy' && [...(health.egress ?? [])]).toEqual(['none']);
    } finally {
      await driver.close();
    }
  });

  describeDocker(
    'podman',
    () => host,
    () => host,
  );
});
