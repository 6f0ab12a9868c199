import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { writeCpio } from '../../backend/execution-engine/drivers/support/guest/cpio.ts';
import { type GuestBoot, GuestStore } from '../../backend/execution-engine/drivers/support/guest/guest-store.ts';
import { kernelArguments } from '../../backend/execution-engine/drivers/support/guest/kernel-arguments.ts';
import { type CutWrites, LoggedDisk } from './logged-disk.ts';
import { emulatedMachine } from './qemu-programs.ts';

const root = join(import.meta.dirname, '../..');
const fixtures = join(root, 'tests/fixtures/power-cut');
const limits = { memoryMb: 256, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' } as const;
const diskBytes = 64 * 1024 * 1024;

/**
 * An emulated machine of its own with Hearth's guest kernel, in which tests/fixtures/power-cut/writer.ts keeps the SQLite store on an ext4 file system. It is switched on
 * and its power is cut as often as one likes; what was in its memory is lost, and of what its disk had not flushed a part.
 */
export class PowerCutMachine {
  readonly #disk: LoggedDisk;
  readonly #console: string;
  readonly #options: readonly string[];
  #qemu: ChildProcess | undefined;

  private constructor(directory: string, boot: GuestBoot, initrd: string) {
    this.#disk = new LoggedDisk(join(directory, 'disk'), diskBytes);
    execFileSync('mkfs.ext4', ['-q', '-F', this.#disk.path]);
    this.#console = join(directory, 'console');
    const append = kernelArguments({ root: '/dev/vda', code: '/dev/vdb', hasCode: false, isEmulated: true });
    this.#options = [
      ...[...emulatedMachine, '-m', '512M', '-serial', `file:${this.#console}`],
      ...['-kernel', boot.kernel, '-initrd', initrd, '-append', `${append} rdinit=/power-cut`],
      ...['-device', 'virtio-serial-device', '-chardev', 'stdio,id=said,signal=off'],
      ...['-device', 'virtserialport,chardev=said,nr=1'],
      ...['-drive', `if=none,id=root,file=${boot.root},format=raw,readonly=on`],
      ...['-device', 'virtio-blk-device,drive=root'],
    ];
  }

  /** Makes what the machine boots from, in `directory`. */
  static async make(directory: string): Promise<PowerCutMachine> {
    const boot = await bootOf(directory);
    const init = readFileSync(join(fixtures, 'init.sh'));
    const initrd = join(directory, 'initrd');
    const own = writeCpio([{ kind: 'file', path: 'power-cut', mode: 0o700, bytes: init }]);
    writeFileSync(initrd, Buffer.concat([readFileSync(boot.initrd), own]));
    return new PowerCutMachine(directory, boot, initrd);
  }

  /** Switches it on, and hands over each line that the writer says. When it ends by itself, they end too. */
  start(): AsyncIterable<string> {
    // An open standard input: the guest takes an end of it for nobody being there.
    const qemu = spawn('qemu-system-x86_64', [...this.#options, ...this.#disk.plug()], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#qemu = qemu;
    return createInterface({ input: qemu.stdout });
  }

  /** At once, whatever it is doing. */
  async cutPower(): Promise<CutWrites> {
    await this.kill();
    return this.#disk.cut();
  }

  async kill(): Promise<void> {
    const qemu = this.#qemu;
    if (qemu === undefined || qemu.exitCode !== null || qemu.signalCode !== null) return;
    const ended = once(qemu, 'exit');
    qemu.kill('SIGKILL');
    await ended;
  }

  /** What kernel and writer complained about since it was last switched on. */
  complaints(): string {
    return readFileSync(this.#console, 'utf8');
  }
}

/** Hearth's own guest, with the writer and the store that it uses in the place of a runtime's agent. */
async function bootOf(directory: string): Promise<GuestBoot> {
  const bundled = async (entry: string, name: string): Promise<string> => {
    const outfile = join(directory, name);
    const output = { outfile, platform: 'node', format: 'esm', logLevel: 'warning' } as const;
    await build({ ...output, bundle: true, external: ['better-sqlite3'], entryPoints: [entry] });
    return outfile;
  };
  const writer = await bundled(join(fixtures, 'writer.ts'), 'writer.mjs');
  // Where a bundled store looks for its thread.
  const worker = await bundled(join(root, 'backend/database/sqlite/worker.ts'), 'sqlite-worker.mjs');
  const sqlite = dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json'));
  const plan = {
    runtime: 'nodejs',
    argv: ['/usr/bin/node', '/rt/writer.mjs'],
    env: {},
    agent: { hostPath: writer, guestPath: '/rt/writer.mjs' },
    toolchain: [
      { hostPath: process.execPath, guestPath: '/usr/bin/node' },
      { hostPath: worker, guestPath: '/rt/sqlite-worker.mjs' },
      ...['lib', 'package.json', 'prebuilds/linux-x64.node'].map((path) => ({
        hostPath: join(sqlite, path),
        guestPath: `/rt/node_modules/better-sqlite3/${path}`,
      })),
    ],
  } as const;
  return await new GuestStore({ directory: join(directory, 'guest') }).boot(plan, limits);
}
