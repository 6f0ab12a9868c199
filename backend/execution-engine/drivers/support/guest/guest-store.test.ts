import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { whyNoGuestImages } from '../../../../../tests/support/qemu-programs.ts';
import type { RuntimePlan } from '../../../../core/ports/runtime-adapter.ts';
import { GuestStore } from './guest-store.ts';

let directory: string;
let plan: RuntimePlan;
const limits = { memoryMb: 128, cpus: 0.5, maxPids: 32, tmpMb: 8, egress: 'none' } as const;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-guest-'));
  const agent = join(directory, 'agent.cjs');
  writeFileSync(agent, '// nothing');
  const tool = join(directory, 'tool');
  writeFileSync(tool, 'a tool', { mode: 0o755 });
  plan = {
    runtime: 'nodejs',
    argv: ['/hearth/tool', '--flag', 'two words'],
    env: { LANG: 'C' },
    agent: { hostPath: agent, guestPath: '/hearth/agent.cjs' },
    toolchain: [{ hostPath: tool, guestPath: '/hearth/tool' }],
  };
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const whyNot = whyNoGuestImages();

describe.skipIf(whyNot !== undefined)(`guests${whyNot === undefined ? '' : ` (skipped: ${whyNot})`}`, () => {
  /** An ELF header is all that is looked at here; that real kernels boot is what the drivers' suites show. */
  const kernelFile = (): string => {
    const file = join(directory, 'vmlinux');
    writeFileSync(file, Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(4096, 1)]));
    return file;
  };
  const store = (name: string) => new GuestStore({ directory: join(directory, name), kernel: kernelFile() });

  it('makes the same bytes from the same inputs, and nothing twice', async () => {
    const [one, two] = [store('one'), store('two')];
    const lines: string[] = [];
    const [first, second] = [await one.boot(plan, limits, (line) => lines.push(line)), await two.boot(plan, limits)];
    for (const part of ['kernel', 'initrd', 'root'] as const) {
      expect(readFileSync(first[part]).equals(readFileSync(second[part])), part).toBe(true);
      expect(statSync(first[part]).mode & 0o777).toBe(0o444);
    }
    expect(first.parts.every((part) => part.isNew && part.sizeBytes > 0)).toBe(true);
    expect(lines).toHaveLength(4);
    const again = await store('one').boot(plan, limits, (line) => lines.push(line));
    expect(again.parts.map((part) => part.isNew)).toEqual([false, false, false]);
  });

  it('tells the guest its limits and its command', async () => {
    const { initrd } = await store('one').boot(plan, limits);
    const text = readFileSync(initrd).toString('latin1');
    expect(text).toContain('tmp_mb=8\nmemory_bytes=134217728\nmax_pids=32\ncpu_quota_us=50000\n');
    expect(text).toContain('HEARTH_CHANNEL=serial:/dev/hearth-channel\n/bin/launch\n/hearth/tool\n--flag\ntwo words\n');
    for (const [cpus, quota] of [
      [1, 'max'],
      [1.5, 150_000],
      [2, 'max'],
    ] as const) {
      const made = await store('one').boot(plan, { ...limits, cpus });
      expect(readFileSync(made.initrd).toString('latin1'), `${cpus}`).toContain(`\ncpu_quota_us=${quota}\n`);
    }
    const overVsock = new GuestStore({ directory: join(directory, 'one'), kernel: kernelFile(), transport: 'vsock' });
    const other = readFileSync((await overVsock.boot(plan, limits)).initrd).toString('latin1');
    expect(other).toContain('HEARTH_CHANNEL=fd:8\n/bin/launch\n');
    expect(other).toContain('exec pair /bin/sh /init paired');
    const broken = { ...plan, argv: ['/hearth/tool', 'two\nlines'] };
    await expect(store('one').boot(broken, limits)).rejects.toMatchObject({ code: 'plan_not_possible' });
  });

  it('makes code that only its owner could read readable', async () => {
    const code = join(directory, 'code');
    mkdirSync(join(code, 'lib'), { recursive: true });
    writeFileSync(join(code, 'lib/x.js'), 'exports.a = 1', { mode: 0o600 });
    chmodSync(join(code, 'lib'), 0o700);
    const image = { digest: 'd1' as never, directory: code, sizeBytes: 1, fileCount: 1 };
    const [part, other] = [await store('one').code(image), await store('two').code(image)];
    const bytes = readFileSync(part.path);
    expect(bytes.equals(readFileSync(other.path))).toBe(true);
    // EROFS_SUPER_MAGIC_V1 at 1024.
    expect(bytes.readUInt32LE(1024)).toBe(0xe0f5e1e2);
    expect(bytes.includes('exports.a = 1')).toBe(true);
  });

  it('says what is missing', async () => {
    const without = (options: { kernel?: string; busybox?: string }) =>
      new GuestStore({ directory: join(directory, 'none'), kernel: kernelFile(), ...options }).boot(plan, limits);
    await expect(without({ kernel: '/no/kernel' })).rejects.toMatchObject({
      code: 'guest_kernel_missing',
      message: expect.stringContaining('HEARTH_GUEST_KERNEL'),
    });
    await expect(without({ busybox: '/no/busybox' })).rejects.toMatchObject({ code: 'guest_busybox_missing' });
    await expect(without({ busybox: process.execPath })).rejects.toThrow('is no static program');
    const gone = { ...plan, agent: { hostPath: join(directory, 'gone'), guestPath: '/a' } };
    await expect(store('one').boot(gone, limits)).rejects.toMatchObject({ code: 'runtime_file_missing' });
  });
});
