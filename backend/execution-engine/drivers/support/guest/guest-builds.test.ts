import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { whyNoGuestImages } from '../../../../../tests/support/qemu-programs.ts';
import type { RuntimePlan } from '../../../../core/ports/runtime-adapter.ts';
import { chosenKernel } from './chosen-kernel.ts';
import { GuestBuilds, type GuestBuildsOptions } from './guest-builds.ts';
import { GuestStore } from './guest-store.ts';

let directory: string;
let plan: RuntimePlan;
const limits = { memoryMb: 128, cpus: 1, maxPids: 64, tmpMb: 64, egress: 'none' } as const;
const signal = new AbortController().signal;

/** An ELF header is all that is looked at here. */
function kernelFile(name: string, fill: number): string {
  const file = join(directory, name);
  writeFileSync(file, Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(4096, fill)]), { mode: 0o644 });
  return file;
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-guest-'));
  const agent = join(directory, 'agent.cjs');
  writeFileSync(agent, '// nothing');
  const mount = { hostPath: agent, guestPath: '/hearth/agent.cjs' };
  plan = { runtime: 'nodejs', argv: ['/hearth/agent.cjs'], env: {}, agent: mount, toolchain: [] };
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const whyNot = whyNoGuestImages();

describe.skipIf(whyNot !== undefined)(`building guests${whyNot === undefined ? '' : ` (skipped: ${whyNot})`}`, () => {
  const drivers = [
    { name: 'qemu', transport: 'serial' },
    { name: 'firecracker', transport: 'vsock' },
  ] as const;
  const builds = (place: string, options: Partial<GuestBuildsOptions> = {}): GuestBuilds =>
    new GuestBuilds({
      directory: join(directory, place),
      kernel: '',
      busybox: '',
      drivers,
      plan: () => plan,
      limits,
      ...options,
    });
  const build = async (place: string, kernel?: string) =>
    await builds(place).build({ runtime: 'nodejs', kernel }, signal);
  const digests = (guests: Awaited<ReturnType<typeof build>>) =>
    guests.map((guest) => guest.parts.map(({ part, digest }) => `${part} ${digest}`));

  it('makes identical digests in two places, and nothing again until an input changes', async () => {
    const kernel = kernelFile('vmlinux', 1);
    const [one, two] = [await build('one', kernel), await build('two', kernel)];
    expect(digests(one)).toEqual(digests(two));
    expect(one.map(({ driver }) => driver)).toEqual(['qemu', 'firecracker']);
    for (const part of one[0]?.parts ?? []) {
      expect(part.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(part).toMatchObject({ isNew: true, sizeBytes: statSync(join(directory, 'one', part.name)).size });
    }
    expect(one[0]?.progress.length).toBeGreaterThan(0);
    const again = await build('one');
    expect(digests(again)).toEqual(digests(one));
    expect(again.flatMap(({ parts }) => parts.map(({ isNew }) => isNew))).toEqual(Array(6).fill(false));
    writeFileSync(plan.agent.hostPath, '// something else');
    const changed = await build('one');
    expect(changed[0]?.parts.map(({ part, isNew }) => [part, isNew])).toEqual([
      ['kernel', false],
      ['initrd', false],
      ['root', true],
    ]);
    expect(digests(changed)[0]?.[2]).not.toBe(digests(one)[0]?.[2]);
  });

  it('makes a chosen kernel the one that drivers boot, at once and until it is given up', async () => {
    const store = new GuestStore({ directory: join(directory, 'chosen') });
    await build('chosen', kernelFile('first', 2));
    const first = await store.boot(plan, limits);
    await build('chosen', kernelFile('second', 3));
    const second = await store.boot(plan, limits);
    expect(readFileSync(first.kernel)).toEqual(readFileSync(join(directory, 'first')));
    expect(readFileSync(second.kernel)).toEqual(readFileSync(join(directory, 'second')));
    rmSync(second.kernel);
    expect(existsSync((await store.boot(plan, limits)).kernel)).toBe(true);
    // Without a kernel of the distribution the build then has none, which is said.
    await build('chosen', 'installed').catch((error: unknown) =>
      expect(error).toMatchObject({ code: 'guest_kernel_missing' }),
    );
    expect(chosenKernel(join(directory, 'chosen'))).toBe('');
  });

  it('takes no kernel that others could change, that is none, or beside a configured one', async () => {
    const good = kernelFile('good', 4);
    const open = kernelFile('open', 4);
    chmodSync(open, 0o666);
    const text = join(directory, 'text');
    writeFileSync(text, 'no kernel');
    for (const kernel of ['vmlinux', '/no/kernel', directory, '/dev/zero', open]) {
      await expect(build('refused', kernel), kernel).rejects.toMatchObject({ code: 'guest_kernel_refused' });
    }
    await expect(build('refused', text)).rejects.toMatchObject({ code: 'kernel_unreadable' });
    expect(chosenKernel(join(directory, 'refused'))).toBe('');
    const configured = builds('refused', { kernel: good }).build({ runtime: 'nodejs', kernel: good }, signal);
    await expect(configured).rejects.toMatchObject({ kind: 'conflict', code: 'guest_kernel_configured' });
    const none = builds('refused', { drivers: [] }).build({ runtime: 'nodejs', kernel: undefined }, signal);
    await expect(none).rejects.toMatchObject({ code: 'isolation_unavailable' });
  });

  it('follows a link to what it names, whose owner counts', async () => {
    const link = join(directory, 'link');
    symlinkSync(kernelFile('linked-kernel', 5), link);
    expect((await build('linked', link))[0]?.parts[0]?.isNew).toBe(true);
  });
});
