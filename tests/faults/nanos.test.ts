import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Sandbox } from '../../backend/core/ports/sandbox.ts';
import { NanosDriver } from '../../backend/execution-engine/drivers/nanos/nanos-driver.ts';
import { newId } from '../../shared/ids.ts';
import { BodyClient } from '../conformance/driver-body.ts';
import { bodyPlan } from '../support/body-plan.ts';
import { qemusBelow } from '../support/qemu-processes.ts';
import { skippedFor } from '../support/skip-reason.ts';

const { signal: never } = new AbortController();
const plan = bodyPlan();
const limits = { memoryMb: 128, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' } as const;
const home = process.env['HEARTH_NANOS_HOME'] ?? '';
const why = home === '' ? 'HEARTH_NANOS_HOME names no release of Nanos (scripts/setup_nanos.sh)' : undefined;

/** Boots unikernels for real, a few seconds each under emulation. */
describe.skipIf(why !== undefined)(`nanos${skippedFor(why)}`, () => {
  let directory: string;
  let driver: NanosDriver;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearth-nanos-'));
    // Otherwise sandboxes' user ids cannot pass, and slots go to another directory than the one looked at here.
    chmodSync(directory, 0o711);
    driver = new NanosDriver({ home, runDirectory: join(directory, 'run'), guestDirectory: join(directory, 'guest') });
    expect(await driver.probe(never)).toMatchObject({ status: 'healthy' });
  }, 60_000);
  afterEach(() => {
    expect(slots()).toEqual([]);
  });
  afterAll(async () => {
    await driver.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const create = async (change: object = {}): Promise<Sandbox> =>
    await driver.create({ id: newId('sandbox'), plan, limits, image: undefined, ...change }, never);
  const slots = (): readonly string[] =>
    readdirSync(join(directory, 'run')).flatMap((instance) => {
      const place = join(directory, 'run', instance, 'slots');
      return existsSync(place) ? readdirSync(place) : [];
    });

  it('tells a QEMU that was killed, not for memory, and ends the channel', async () => {
    const sandbox = await create();
    const body = new BodyClient(await sandbox.connect(never));
    await body.ready();
    const waiting = expect(body.command('spin')).rejects.toThrow('the channel is over');
    for (const pid of qemusBelow(Number(sandbox.handle.data['pid']))) process.kill(pid, 'SIGKILL');
    expect(await sandbox.exited).toMatchObject({
      signal: 'SIGKILL',
      outOfMemory: false,
      reason: expect.stringContaining('the unikernel was killed'),
    });
    await waiting;
  });

  it('destroys a unikernel that hangs, and shows what the host knows of it until then', async () => {
    const sandbox = await create();
    for (const pid of qemusBelow(Number(sandbox.handle.data['pid']))) process.kill(pid, 'SIGSTOP');
    expect((await sandbox.usage()).memoryBytes).toBeGreaterThan(0);
    await sandbox.destroy('it hangs');
    expect(await sandbox.exited).toMatchObject({ reason: 'it hangs', outOfMemory: false });
  });

  it('does not wait for a program that ends before it has shown its key', async () => {
    const ended = { ...plan, argv: [plan.argv[0] ?? '', '--version'] };
    await expect(create({ plan: ended })).rejects.toMatchObject({ code: 'sandbox_not_started' });
  });

  it('does not let in a program that shows another key', async () => {
    const place = join(directory, 'liar.cjs');
    writeFileSync(
      place,
      "require('node:net').connect(1025, '10.0.2.100').write('0'.repeat(64) + '\\n'); setTimeout(() => {}, 60000);",
    );
    const liar = {
      ...plan,
      argv: [...plan.argv.slice(0, -1), '/rt/liar.cjs'],
      agent: { hostPath: place, guestPath: '/rt/liar.cjs' },
    };
    await expect(create({ plan: liar })).rejects.toMatchObject({ code: 'channel_not_authentic' });
  });

  it('says what is wrong when the runtime is damaged', async () => {
    const names = readdirSync(join(directory, 'guest')).filter((name) => name.startsWith('nanos-nodejs-'));
    expect(names).not.toEqual([]);
    for (const name of names) truncateSync(join(directory, 'guest', name), 8192);
    await expect(create()).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
