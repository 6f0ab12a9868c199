import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PlatformError } from '../../../../../shared/errors.ts';
import { fileKey } from '../runtime-files.ts';
import type { CpioEntry } from './cpio.ts';
import type { GuestTransport } from './guest-init.ts';

const run = promisify(execFile);

/** A kernel and where its modules are. */
export interface KernelSource {
  readonly file: string;
  readonly version: string;
  /** lib/modules/<version>, or undefined for a kernel that has everything built in. */
  readonly modules: string | undefined;
}

/** What guests need and distributions build as modules; those that a kernel has built in are left out. Order of loading. */
const wantedModules: Readonly<Record<GuestTransport, readonly string[]>> = {
  serial: ['virtio_mmio', 'virtio_blk', 'virtio_console', 'virtio_rng', 'erofs'],
  vsock: ['virtio_mmio', 'virtio_blk', 'vmw_vsock_virtio_transport', 'virtio_rng', 'virtio_balloon', 'erofs'],
};
/** For guests with a network card, loaded after those above. */
const networkModules = ['virtio_net'];
/** Trees that may hold a kernel: the system's own, and one unpacked beside it (scripts/setup_env.sh). */
const systemTrees = ['/', '/var/lib/hearth/guest-kernel'];
/** Documentation/arch/x86/boot.rst: kernel_version points (less 0x200) to text such as `6.1.0-9-cloud-amd64 (…`. */
const versionPointer = 0x20e;

/**
 * The kernel to use: `wanted` (a kernel file, or a package of Debian, unpacked below `directory`), else one that is installed; kernels for virtual
 * machines (`cloud`, `virtual`, `kvm`) come first, then newer ones. Rejects with `guest_kernel_missing` and what to do.
 */
export async function findKernel(wanted: string, directory: string): Promise<KernelSource> {
  if (wanted === '') {
    const found = installedKernel();
    if (found !== undefined) return found;
    throw missing('there is no kernel for guests on this machine');
  }
  if (!existsSync(wanted)) throw missing(`there is no ${wanted}`);
  if (!wanted.endsWith('.deb')) return kernelFile(wanted);
  const found = kernelsIn(await unpacked(wanted, directory)).sort(compareKernels)[0];
  if (found === undefined) throw missing(`${wanted} holds no kernel with its modules`);
  return found;
}

/** Changes when `findKernel` would find another kernel, or other contents of it; empty when it would find none. Costs two readdir(2) and a stat(2). */
export function kernelKey(wanted: string): string {
  const file = wanted || installedKernel()?.file;
  return file === undefined || !existsSync(file) ? '' : fileKey(file);
}

function installedKernel(): KernelSource | undefined {
  return systemTrees.flatMap(kernelsIn).sort(compareKernels)[0];
}

/** The package's files, once per package: several drivers read the same tree, so one that is there is never touched. */
async function unpacked(file: string, directory: string): Promise<string> {
  const tree = join(directory, `unpacked-${createHash('sha256').update(fileKey(file)).digest('hex').slice(0, 24)}`);
  if (existsSync(tree)) return tree;
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const draft = await mkdtemp(`${tree}.`);
  try {
    await run('dpkg-deb', ['--extract', file, draft]);
    await rename(draft, tree);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(tree)) throw error;
  }
  return tree;
}

function kernelsIn(tree: string): KernelSource[] {
  return list(join(tree, 'boot')).flatMap((name) => {
    const version = /^vmlinu[xz]-(.+)$/.exec(name)?.[1];
    if (version === undefined) return [];
    const modules = [join(tree, 'lib/modules', version), join(tree, 'usr/lib/modules', version)].find(hasModules);
    return modules === undefined ? [] : [{ file: join(tree, 'boot', name), version, modules }];
  });
}

function kernelFile(file: string): KernelSource {
  const image = readFileSync(file);
  const at = image.length > versionPointer + 2 ? image.readUInt16LE(versionPointer) + 0x200 : image.length;
  const version =
    /^[\w.+~-]+/.exec(image.toString('latin1', at, at + 128))?.[0] ??
    /Linux version ([\w.+~-]+)/.exec(image.toString('latin1'))?.[1] ??
    'unknown';
  const modules = join('/lib/modules', version);
  return { file, version, modules: hasModules(modules) ? modules : undefined };
}

function compareKernels(a: KernelSource, b: KernelSource): number {
  const rank = ({ version }: KernelSource): number => (/cloud|virtual|kvm/.test(version) ? 0 : 1);
  return rank(a) - rank(b) || b.version.localeCompare(a.version, 'en', { numeric: true });
}

/** The modules of this kernel that a guest needs, with those that they need, in the order in which to load them. */
export async function guestModules(
  { modules }: KernelSource,
  transport: GuestTransport,
): Promise<readonly CpioEntry[]> {
  if (modules === undefined) return [listOf('list', []), listOf('network', [])];
  const files = new Map(
    readdirSync(join(modules, 'kernel'), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.ko(\.\w+)?$/.test(path))
      .map((path) => [moduleName(path), join(modules, 'kernel', path)] as const),
  );
  const ordered = new Map<string, Buffer>();
  const add = async (name: string): Promise<void> => {
    const file = files.get(name);
    // Not among the files: built in, so there is nothing to load.
    if (file === undefined || ordered.has(name)) return;
    const bytes = await moduleBytes(file);
    for (const needed of neededBy(bytes)) await add(needed);
    ordered.set(name, bytes);
  };
  for (const name of wantedModules[transport]) await add(name);
  const always = [...ordered.keys()];
  for (const name of networkModules) await add(name);
  const entries = [...ordered].map(
    ([name, bytes]): CpioEntry => ({ kind: 'file', path: `modules/${name}.ko`, mode: 0o600, bytes }),
  );
  return [listOf('list', always), listOf('network', [...ordered.keys()].slice(always.length)), ...entries];
}

/** `depends=a,b` in the section .modinfo: what modules.dep is made from, which an unpacked package has not. */
function neededBy(module: Buffer): readonly string[] {
  const at = module.indexOf('\0depends=') + 1;
  if (at === 0) return [];
  const text = module.toString('latin1', at + 'depends='.length, module.indexOf(0, at));
  return text
    .split(',')
    .filter((name) => name !== '')
    .map(moduleName);
}

function listOf(name: 'list' | 'network', names: readonly string[]): CpioEntry {
  const text = names.map((module) => `${module}.ko\n`).join('');
  return { kind: 'file', path: `modules/${name}`, mode: 0o600, bytes: Buffer.from(text) };
}

/** Unpacked here, so that the guest need not. */
async function moduleBytes(path: string): Promise<Buffer> {
  const program = path.endsWith('.xz') ? 'xz' : path.endsWith('.zst') ? 'zstd' : path.endsWith('.gz') ? 'gzip' : '';
  if (program === '') return readFileSync(path);
  const options = { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 } as const;
  return (await run(program, ['-dc', path], options)).stdout;
}

function moduleName(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}

function hasModules(directory: string): boolean {
  return statSync(join(directory, 'kernel'), { throwIfNoEntry: false })?.isDirectory() === true;
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function missing(reason: string): PlatformError {
  const message = `${reason}; install one (apt-get install linux-image-cloud-amd64), or name a kernel file or a .deb in HEARTH_GUEST_KERNEL`;
  return new PlatformError('unavailable', 'guest_kernel_missing', message);
}
