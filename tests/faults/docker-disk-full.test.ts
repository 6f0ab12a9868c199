import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerDriver } from '../../backend/execution-engine/drivers/docker/docker-driver.ts';
import { parseEngineHost } from '../../backend/execution-engine/drivers/docker/engine/endpoint.ts';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';
import { newId } from '../../shared/ids.ts';
import { BodyClient } from '../conformance/driver-body.ts';
import { bodyPlan } from '../support/body-plan.ts';
import { OwnDaemon, whyNoDaemon } from '../support/docker-daemon.ts';
import { fillDisk } from '../support/fill-disk.ts';
import { eventually } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

const why = whyNoDaemon();
const { signal: never } = new AbortController();
const plan = bodyPlan();
const limits = { memoryMb: 128, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' } as const;

describe.skipIf(why !== undefined)(`a Docker daemon whose disk is full${skippedFor(why)}`, () => {
  const daemon = new OwnDaemon({ dataMib: 700 });
  let directory: string;
  let driver: DockerDriver;
  let engine: EngineClient;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearth-docker-full-'));
    await daemon.start();
    driver = new DockerDriver({ runDirectory: directory, dockerHost: daemon.host, daemonPatienceMs: 20_000 });
    engine = new EngineClient({ endpoint: parseEngineHost(daemon.host) });
    // What it tries out may take too long on a busy host.
    await eventually(async () => expect(await driver.probe(never)).toMatchObject({ status: 'healthy' }));
  });
  afterAll(async () => {
    await driver?.close();
    engine?.close();
    await daemon.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  const create = async () => await driver.create({ id: newId('sandbox'), plan, limits, image: undefined }, never);

  it('says so with what to do, keeps what runs, and starts again once there is room', async () => {
    const running = await create();
    const body = new BodyClient(await running.connect(never));
    await body.ready();
    const filler = fillDisk(daemon.dataDirectory);
    const failure = await create().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({
      kind: 'unavailable',
      code: 'docker_disk_full',
      message: expect.stringContaining('docker system prune'),
    });
    expect(await body.command('tick')).toBeTypeOf('number');
    const unhealthy = { status: 'unhealthy', reason: expect.stringContaining('is full') };
    expect(await driver.probe(never)).toMatchObject(unhealthy);
    expect(await driver.probe(never)).toMatchObject(unhealthy);
    rmSync(filler);
    await eventually(async () => expect(await driver.probe(never)).toMatchObject({ status: 'healthy' }));
    const again = await create();
    const other = new BodyClient(await again.connect(never));
    await other.ready();
    expect(await other.command('tick')).toBeTypeOf('number');
    await Promise.all([running.destroy('over'), again.destroy('over')]);
    expect(await engine.listContainers({ label: ['hearth.sandbox'] })).toEqual([]);
  });
});
