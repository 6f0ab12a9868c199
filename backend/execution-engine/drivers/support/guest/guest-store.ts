import { createHash, randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../../../../shared/errors.ts';
import { MiB } from '../../../../../shared/limits.ts';
import type { PreparedImage, SandboxLimits } from '../../../../core/ports/isolation-driver.ts';
import type { RuntimePlan } from '../../../../core/ports/runtime-adapter.ts';
import { agentEntries, fileKey, inputKey, runtimeEntries } from '../runtime-files.ts';
import { chosenKernel } from './chosen-kernel.ts';
import { codeEntries } from './code-entries.ts';
import { type CpioEntry, writeCpio } from './cpio.ts';
import { explainDiskFull } from './disk-full.ts';
import { makeErofs } from './erofs.ts';
import { type GuestTransport, guestBridge, guestChannel, guestInit } from './guest-init.ts';
import { dialProgram, goOnProgram, launchProgram, pairProgram, settleProgram } from './guest-programs.ts';
import { guestProcessors } from './guest-size.ts';
import { uncompressedKernel } from './kernel-image.ts';
import { findKernel, guestModules, type KernelSource, kernelKey } from './kernel-source.ts';

export interface GuestStoreOptions {
  /** Where finished parts are kept; may be thrown away at any time when no guest runs. */
  readonly directory: string;
  /** A kernel file or a Debian package; empty or left out: the one that was chosen (`chooseKernel`), else one that is installed. */
  readonly kernel?: string;
  /** A static busybox; empty or left out: /bin/busybox. */
  readonly busybox?: string;
  /** How its guests talk to the host; `serial` when left out. */
  readonly transport?: GuestTransport;
  /** IPv4 addresses where guests with a network card ask for names. */
  readonly resolvers?: readonly string[];
}

/** What one guest boots from: paths of files that never change and that anybody may read. */
export interface GuestBoot {
  /** Uncompressed ELF with a PVH entry. */
  readonly kernel: string;
  readonly kernelVersion: string;
  /** Initial RAM disk with modules, init, and what to start under which limits. */
  readonly initrd: string;
  /** EROFS with runtime and agent. */
  readonly root: string;
}

export interface GuestPart {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** False when that very file was there already. */
  readonly isNew: boolean;
}
export type GuestProgress = (line: string) => void;

/** What all guests of one kernel share. */
interface GuestBase {
  readonly source: KernelSource;
  readonly kernel: GuestPart;
  /** The beginning of every initial RAM disk. */
  readonly archive: Buffer;
}

const directories = ['bin', 'cgroup', 'dev', 'devices', 'devices/shm', 'hearth', 'modules', 'proc', 'root', 'sys'];
const applets = ['cat', 'env', 'insmod', 'ip', 'mkdir', 'mknod', 'mount', 'reboot', 'sh', 'usleep'];
/** What functions see as /dev, beside their channel: name, minor number (the major is 1, memory), mode. */
const devices = [
  ['null', 3, 0o666],
  ['zero', 5, 0o666],
  ['full', 7, 0o666],
  ['random', 8, 0o444],
  ['urandom', 9, 0o444],
] as const;
/** The size of a code device that is filled after the start: the largest bundle and what EROFS adds. Its file is sparse. */
export const codeDeviceBytes = 320 * MiB;
const cpuPeriodUs = 100_000;
const elfInterpreter = 3;

/**
 * Makes what microVMs boot from, out of what this machine has: a kernel of the distribution, a static busybox, the runtimes. Parts are named by a hash of
 * what goes into them, made once, and the same inputs make the same bytes. x86-64 only.
 */
export class GuestStore {
  readonly #options: GuestStoreOptions;
  /** Those that are being made. */
  readonly #parts = new Map<string, Promise<GuestPart>>();
  #base: { readonly key: string; readonly made: Promise<GuestBase> } | undefined;

  constructor(options: GuestStoreOptions) {
    this.#options = options;
  }

  /** Kernel, initial RAM disk and root image for this plan under these limits; made now unless they are there. */
  async boot(
    plan: RuntimePlan,
    limits: SandboxLimits,
    progress: GuestProgress = () => undefined,
  ): Promise<GuestBoot & { readonly parts: readonly GuestPart[] }> {
    const { source, kernel, archive } = await this.#currentBase(progress);
    const root = await this.#root(plan, progress);
    const initrd = await this.#initrd(archive, plan, limits, progress);
    return {
      kernel: kernel.path,
      kernelVersion: source.version,
      initrd: initrd.path,
      root: root.path,
      parts: [kernel, initrd, root],
    };
  }

  /** A version's files as a read-only device; made once per digest. */
  async code(image: PreparedImage): Promise<GuestPart> {
    const name = `code-${digestOf([image.digest])}.erofs`;
    return await this.#part(name, async (file) => {
      await makeErofs(codeEntries(image.directory), file);
      if ((await stat(file)).size > codeDeviceBytes) {
        const message = `the bundle is larger than the ${codeDeviceBytes / MiB} MiB that a guest can mount`;
        throw new PlatformError('unprocessable', 'bundle_too_large', message);
      }
    });
  }

  get #transport(): GuestTransport {
    return this.#options.transport ?? 'serial';
  }

  #bridge(): readonly CpioEntry[] {
    if (this.#transport === 'serial') return [];
    return [
      { kind: 'file', path: 'bin/dial', mode: 0o700, bytes: dialProgram() },
      { kind: 'file', path: 'bin/pair', mode: 0o700, bytes: pairProgram() },
      { kind: 'file', path: 'bridge', mode: 0o700, bytes: Buffer.from(guestBridge()) },
    ];
  }

  /** Made anew when another kernel or busybox is there: asking costs a few stat(2). */
  async #currentBase(progress: GuestProgress): Promise<GuestBase> {
    const { directory } = this.#options;
    const wanted = this.#options.kernel || chosenKernel(directory);
    const key = `${kernelKey(wanted)}\n${fileKey(this.#busybox)}`;
    if (this.#base?.key === key) {
      const base = await this.#base.made;
      // Parts may be thrown away while no guest runs.
      if (existsSync(base.kernel.path)) return base;
    }
    const made = this.#makeBase(wanted, progress);
    this.#base = { key, made };
    made.catch(() => {
      if (this.#base?.made === made) this.#base = undefined;
    });
    return await made;
  }

  get #busybox(): string {
    return this.#options.busybox || '/bin/busybox';
  }

  async #makeBase(wanted: string, progress: GuestProgress): Promise<GuestBase> {
    if (process.arch !== 'x64') {
      const message = `guests are there for x86-64 only, this machine is ${process.arch}; use isolation "process" or "docker"`;
      throw new PlatformError('unavailable', 'host_unsupported', message);
    }
    const tools = await readStatic(this.#busybox);
    const source = await findKernel(wanted, this.#options.directory);
    const image = await readFile(source.file);
    const kernel = await this.#part(`vmlinux-${digestOf([image])}`, async (file) => {
      progress(`unpacking kernel ${source.version} (${source.file})`);
      await writeFile(file, uncompressedKernel(image));
    });
    progress(`collecting modules and tools (${this.#busybox})`);
    const archive = writeCpio([
      ...directories.map((path): CpioEntry => ({ kind: 'directory', path })),
      { kind: 'device', path: 'dev/console', major: 5, minor: 1, mode: 0o600 },
      ...devices.map(
        ([name, minor, mode]): CpioEntry => ({ kind: 'device', path: `devices/${name}`, major: 1, minor, mode }),
      ),
      { kind: 'symlink', path: 'devices/fd', target: '/proc/self/fd' },
      { kind: 'file', path: 'init', mode: 0o700, bytes: Buffer.from(guestInit(this.#transport)) },
      { kind: 'file', path: 'bin/busybox', mode: 0o700, bytes: tools },
      { kind: 'file', path: 'bin/settle', mode: 0o700, bytes: settleProgram() },
      { kind: 'file', path: 'bin/go-on', mode: 0o700, bytes: goOnProgram(this.#transport) },
      ...this.#bridge(),
      ...applets.map((name): CpioEntry => ({ kind: 'symlink', path: `bin/${name}`, target: 'busybox' })),
      ...(await guestModules(source, this.#transport)),
    ]);
    return { source, kernel, archive };
  }

  async #initrd(
    archive: Buffer,
    plan: RuntimePlan,
    limits: SandboxLimits,
    progress: GuestProgress,
  ): Promise<GuestPart> {
    const own = writeCpio([
      { kind: 'file', path: 'bin/launch', mode: 0o700, bytes: launchProgram(limits) },
      { kind: 'file', path: 'hearth/command', mode: 0o600, bytes: commandOf(plan, this.#transport) },
      { kind: 'file', path: 'hearth/settings', mode: 0o600, bytes: settingsOf(limits) },
      ...(limits.egress === 'none' ? [] : [this.#resolvConf()]),
    ]);
    return await this.#part(`initrd-${digestOf([archive, own])}`, async (file) => {
      progress('writing the initial RAM disk');
      // The kernel unpacks archives that follow one another.
      await writeFile(file, Buffer.concat([archive, own]));
    });
  }

  #resolvConf(): CpioEntry {
    const text = (this.#options.resolvers ?? []).map((address) => `nameserver ${address}\n`).join('');
    return { kind: 'file', path: 'hearth/resolv.conf', mode: 0o444, bytes: Buffer.from(text) };
  }

  async #root(plan: RuntimePlan, progress: GuestProgress): Promise<GuestPart> {
    const key = digestOf(['root 1', inputKey([...plan.toolchain, plan.agent])]);
    return await this.#part(`root-${plan.runtime}-${key}.erofs`, async (file) => {
      progress(`making the root image of ${plan.runtime}`);
      const entries = [...(await runtimeEntries(plan.toolchain, plan.agent)), ...agentEntries(plan.agent)];
      await makeErofs(entries, file);
    });
  }

  /** One maker per name, however many ask; the file appears whole or not at all. */
  #part(name: string, make: (file: string) => Promise<void>): Promise<GuestPart> {
    let part = this.#parts.get(name);
    if (part === undefined) {
      part = this.#makePart(name, make);
      this.#parts.set(name, part);
      const over = (): void => void this.#parts.delete(name);
      part.then(over, over);
    }
    return part;
  }

  async #makePart(name: string, make: (file: string) => Promise<void>): Promise<GuestPart> {
    const path = join(this.#options.directory, name);
    const known = statSync(path, { throwIfNoEntry: false });
    if (known !== undefined) return { name, path, sizeBytes: known.size, isNew: false };
    const { directory } = this.#options;
    const draft = `${path}.${randomBytes(6).toString('hex')}`;
    try {
      await mkdir(directory, { recursive: true, mode: 0o755 });
      await make(draft);
      // Guests' user ids have no other right to them, and nobody may change them.
      await chmod(draft, 0o444);
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw explainDiskFull(error, 'what guests boot from', directory);
    }
    return { name, path, sizeBytes: (await stat(path)).size, isNew: true };
  }
}

function digestOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 24);
}

/** One word a line, as init reads them: the environment, our launcher, and the agent's command. */
function commandOf(plan: RuntimePlan, transport: GuestTransport): Buffer {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', ...plan.env };
  const words = [
    ...Object.entries({ ...env, HEARTH_CHANNEL: guestChannel(transport) }).map(([name, value]) => `${name}=${value}`),
    '/bin/launch',
    ...plan.argv,
  ];
  const broken = words.find((word) => /[\n\0]/.test(word));
  if (broken !== undefined) {
    const message = `${JSON.stringify(broken)} cannot be handed to a guest: it has a line break`;
    throw new PlatformError('unprocessable', 'plan_not_possible', message);
  }
  return Buffer.from(words.map((word) => `${word}\n`).join(''));
}

/** No quota where the function may use every processor that its guest has: keeping one costs, and at times holds up what it allows. */
function cpuQuotaUs(limits: SandboxLimits): number | 'max' {
  if (limits.cpus >= guestProcessors(limits)) return 'max';
  return Math.max(1000, Math.round(limits.cpus * cpuPeriodUs));
}

/** Variables of init; nothing to quote. */
function settingsOf(limits: SandboxLimits): Buffer {
  const settings = {
    tmp_mb: limits.tmpMb,
    memory_bytes: limits.memoryMb * MiB,
    max_pids: limits.maxPids,
    cpu_quota_us: cpuQuotaUs(limits),
    ...(limits.egress === 'none' ? {} : { network: 1 }),
  };
  return Buffer.from(
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
}

/** A program without an interpreter (PT_INTERP, elf(5)): nothing of the host's libraries is in the guest when it runs. */
async function readStatic(path: string): Promise<Buffer> {
  const missing = (why: string) => {
    const message = `${why}; install it (apt-get install busybox-static), or name a static busybox in HEARTH_GUEST_BUSYBOX`;
    return new PlatformError('unavailable', 'guest_busybox_missing', message);
  };
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) throw missing(`there is no ${path}`);
  const isElf = bytes.length > 64 && bytes.toString('latin1', 0, 4) === '\x7fELF';
  const [tableAt, entryBytes, count] = isElf
    ? [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)]
    : [0, 0, 0];
  const types = Array.from({ length: count }, (_, i) => bytes.readUInt32LE(tableAt + i * entryBytes));
  if (!isElf || types.includes(elfInterpreter)) throw missing(`${path} is no static program`);
  return bytes;
}
