import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { PreparedImage, SandboxLimits } from '../../backend/core/ports/isolation-driver.ts';
import type { RuntimePlan } from '../../backend/core/ports/runtime-adapter.ts';
import type { Sandbox } from '../../backend/core/ports/sandbox.ts';
import type { SnapshotDriver, SnapshotName } from '../../backend/core/ports/snapshot-driver.ts';
import { NodejsAdapter } from '../../backend/execution-engine/runtimes/nodejs/adapter.ts';
import { PythonAdapter } from '../../backend/execution-engine/runtimes/python/adapter.ts';
import { type BundleDigest, newId } from '../../shared/ids.ts';
import { GuestAgent } from '../support/guest-agent.ts';
import { eventually } from '../support/platform.ts';

const { signal: never } = new AbortController();
const repository = join(import.meta.dirname, '../..');
const limits: SandboxLimits = { memoryMb: 128, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' };

/** Values that must differ from copy to copy, and `now`. */
const sources = {
  'index.mjs': `import crypto, { randomUUID } from 'node:crypto';
    let calls = 0;
    const early = [randomUUID(), crypto.randomInt(2 ** 32), Math.random()];
    export const handler = () => ({ now: Date.now(), calls: ++calls, early, values: [
      randomUUID(), globalThis.crypto.randomUUID(), crypto.randomInt(2 ** 40), Math.random(), crypto.randomBytes(8).toString('hex'),
      Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex'),
      crypto.generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ] });`,
  'main.py': `import random, secrets, ssl, time, uuid
calls = 0
early = [random.random()]
def handler(event, context):
    global calls
    calls += 1
    return {"now": time.time() * 1000, "calls": calls, "early": early, "values": [
        random.random(), random.getrandbits(64), secrets.token_hex(8), str(uuid.uuid4()), ssl.RAND_bytes(8).hex()]}
`,
};

interface Facts {
  readonly now: number;
  readonly calls: number;
  readonly early: readonly unknown[];
  readonly values: readonly unknown[];
}

export interface SnapshotSuiteOptions {
  /** With everything that it keeps below the directory, snapshots in `snapshots`; opened anew in the middle of the suite. */
  readonly makeDriver: (directory: string) => SnapshotDriver;
  /** Of each file of a snapshot; where it is not 0600, nobody gets to it through the directory. */
  readonly memoryMode: number;
  /** Copies have the very memory; otherwise they were only told the same. */
  readonly sharesMemory: boolean;
  /** As in the driver's capabilities. */
  readonly copiesRuntimes: boolean;
  /** Of a driver that gets ready for the next copy of a runtime: whether it is. */
  readonly isReadyForCopy?: (driver: SnapshotDriver) => boolean;
}

/** The contract of `SnapshotDriver`: boots one guest of each runtime, and restores copies. To be called inside a `describe`. */
export function describeSnapshots(options: SnapshotSuiteOptions): void {
  let directory: string;
  let image: PreparedImage;
  let driver: SnapshotDriver;

  const open = (): SnapshotDriver => options.makeDriver(directory);
  const name: SnapshotName = { versionId: newId('version'), loadedWith: 'the same' };
  const nodejs = new NodejsAdapter({
    nodePath: process.execPath,
    agentPath: join(repository, 'dist/guest/nodejs/agent.cjs'),
  }).plan(limits);

  const python = new PythonAdapter({
    pythonPath: '/usr/bin/python3',
    agentPath: join(repository, 'backend/execution-engine/runtimes/python/guest/agent.py'),
  }).plan(limits);

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearth-snapshots-'));
    chmodSync(directory, 0o711);
    mkdirSync(join(directory, 'code'));
    for (const [file, text] of Object.entries(sources)) writeFileSync(join(directory, 'code', file), text);
    const digest = `sha256:${'5a'.repeat(16)}${newId('version').slice(-26).padStart(32, '0')}` as BundleDigest;
    image = { digest, directory: join(directory, 'code'), sizeBytes: 1, fileCount: 2 };
    driver = open();
    // What it tries out may take too long on a busy host.
    await eventually(async () => expect(await driver.probe(never)).toMatchObject({ status: 'healthy' }));
  });
  afterAll(async () => {
    await driver.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const boot = async (plan: RuntimePlan, isGeneric: boolean): Promise<Sandbox> => {
    const sandbox = await driver.create(
      { id: newId('sandbox'), plan, limits, image: isGeneric ? undefined : image },
      never,
    );
    if (isGeneric) await sandbox.specialise(image, never);
    return sandbox;
  };
  const restore = async (plan: RuntimePlan, wanted = name): Promise<{ sandbox: Sandbox; agent: GuestAgent }> => {
    const sandbox = await driver.restore(wanted, { id: newId('sandbox'), plan, limits, image }, never);
    return { sandbox, agent: await GuestAgent.restored(sandbox, plan.runtime) };
  };
  const ask = async (agent: GuestAgent): Promise<Facts> => {
    const before = Date.now();
    const facts = (await agent.event(null)) as Facts;
    // The guest's clock ticks in 4 ms, and an emulated one on a busy host hears late what time it is.
    expect(facts.now).toBeGreaterThan(before - 5000);
    expect(facts.now).toBeLessThan(Date.now() + 5000);
    return facts;
  };
  /** Of this folder; a sweep also ends what is left of any platform on this host that was killed. */
  const sweptSnapshots = async (): Promise<readonly string[]> =>
    (await driver.sweep(new Set())).removed.filter((what) => what.startsWith('snapshot '));
  const files = (): readonly string[] =>
    readdirSync(join(directory, 'snapshots'), { recursive: true, encoding: 'utf8' }).map((path) =>
      join(directory, 'snapshots', path),
    );

  it.each([
    ['nodejs', nodejs, false],
    ['python, in a guest that was booted ahead', python, true],
  ] as const)(
    'copies and the original share what was loaded, and no random number: %s',
    async (_what, plan, isGeneric) => {
      const own: SnapshotName = plan.runtime === 'nodejs' ? name : { ...name, versionId: newId('version') };
      const original = await boot(plan, isGeneric);
      const agent = await GuestAgent.started(original, plan.runtime);
      expect(driver.hasSnapshot(own)).toBe(false);
      const info = await driver.snapshot(original, own, () => agent.connection.beforeSnapshot(), never);
      expect(info.sizeBytes).toBeGreaterThan(10_000_000);
      expect(driver.hasSnapshot(own)).toBe(true);
      const copies = await Promise.all([restore(plan, own), restore(plan, own)]);
      await agent.afterRestore();
      const all = [await ask(agent), ...(await Promise.all(copies.map((copy) => ask(copy.agent))))];
      const shared = options.sharesMemory ? { early: all[0]?.early } : {};
      for (const facts of all) expect(facts).toMatchObject({ calls: 1, ...shared });
      const values = all.flatMap((facts) => facts.values);
      expect(new Set(values).size).toBe(values.length);
      expect(await ask((copies[0] as (typeof copies)[0]).agent)).toMatchObject({ calls: 2 });
      await expect(
        driver.snapshot((copies[0] as (typeof copies)[0]).sandbox, own, async () => undefined, never),
      ).rejects.toMatchObject({ code: 'snapshot_of_clone' });
      await Promise.all(
        [original, ...copies.map((copy) => copy.sandbox)].map((sandbox) => sandbox.destroy('test over')),
      );
    },
  );

  it('nobody else can read one, the next start of the platform finds it, and another machine shape does not get it', async () => {
    await driver.close();
    expect(statSync(join(directory, 'snapshots')).mode & 0o777).toBe(0o700);
    const found = files().filter((path) => statSync(path).isFile());
    expect(found).toHaveLength(6);
    for (const path of found) {
      expect(statSync(path).mode & 0o777, path).toBe(path.endsWith('/memory') ? options.memoryMode : 0o600);
    }
    driver = open();
    await driver.probe(never);
    expect(driver.hasSnapshot({ ...name, loadedWith: 'something else' })).toBe(false);
    const copy = await restore(nodejs);
    expect(await ask(copy.agent)).toMatchObject({ calls: 1 });
    await copy.sandbox.destroy('test over');
    expect(await sweptSnapshots()).toEqual([]);
    const other = { id: newId('sandbox'), plan: nodejs, limits: { ...limits, memoryMb: 160 }, image };
    await expect(driver.restore(name, other, never)).rejects.toMatchObject({ code: 'snapshot_unusable' });
    expect(driver.hasSnapshot(name)).toBe(false);
  });

  it('a damaged one is refused and gone, half of one is swept', async () => {
    await driver.close();
    const [folder = ''] = readdirSync(join(directory, 'snapshots'));
    const wanted: SnapshotName = { ...name, versionId: folder.split('.')[0] as never };
    const memory = join(directory, 'snapshots', folder, 'memory');
    const bytes = readFileSync(memory);
    const at = bytes.findIndex((byte) => byte !== 0);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(memory, bytes);
    driver = open();
    await driver.probe(never);
    await expect(restore(python, wanted)).rejects.toMatchObject({
      code: 'snapshot_unusable',
      message: expect.stringContaining('damaged'),
    });
    expect(files()).toEqual([]);
    mkdirSync(join(directory, 'snapshots', 'draft-of-a-platform-that-was-killed'));
    expect(await sweptSnapshots()).toEqual(['snapshot draft-of-a-platform-that-was-killed']);
    expect(files()).toEqual([]);
  });

  if (options.copiesRuntimes) {
    it.each([
      ['nodejs', nodejs],
      ['python', python],
    ] as const)(
      'copies of a runtime load versions by themselves, share no random number, and can be snapshotted again: %s',
      async (runtime, plan) => {
        const generic: SnapshotName = { versionId: `shape_${runtime}`, loadedWith: 'nothing' };
        const own: SnapshotName = { versionId: newId('version'), loadedWith: 'the code' };
        const spec = () => ({ id: newId('sandbox'), plan, limits, image: undefined });
        const original = await driver.create(spec(), never);
        const first = await GuestAgent.waiting(original, runtime);
        const silence = () => first.connection.beforeSnapshot({ timeoutMs: 30_000 });
        await driver.snapshot(original, generic, silence, never);
        await first.afterRestore();
        const copy = async () => {
          const sandbox = await driver.restore(generic, spec(), never);
          return { sandbox, agent: await GuestAgent.restored(sandbox, runtime, false) };
        };
        const copies = await Promise.all([copy(), copy()]);
        const { isReadyForCopy = () => true } = options;
        await vi.waitFor(() => expect(isReadyForCopy(driver)).toBe(true), { timeout: 120_000, interval: 50 });
        copies.push(await copy());
        const all = [{ sandbox: original, agent: first }, ...copies];
        const facts: Facts[] = [];
        for (const { sandbox, agent } of all) {
          await sandbox.specialise(image, never);
          await agent.init();
        }
        const last = all.at(-1) as (typeof all)[0];
        await driver.snapshot(last.sandbox, own, () => last.agent.connection.beforeSnapshot(), never);
        await last.agent.afterRestore();
        for (const { agent } of all) facts.push(await ask(agent));
        for (const { calls } of facts) expect(calls).toBe(1);
        const drawn = facts.flatMap(({ early, values }) => [...early, ...values]);
        expect(new Set(drawn).size).toBe(drawn.length);
        const loaded = await restore(plan, own);
        const later = await ask(loaded.agent);
        expect(later).toMatchObject({ calls: 1, early: facts.at(-1)?.early });
        expect(drawn).not.toEqual(expect.arrayContaining([later.values[0]]));
        await Promise.all([...all, loaded].map(({ sandbox }) => sandbox.destroy('test over')));
      },
    );
  }
}
