import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { PlatformError } from '../../../../../shared/errors.ts';
import type { PlanMount, RuntimePlan } from '../../../../core/ports/runtime-adapter.ts';
import { linkFile, linkTree } from '../file-linking.ts';
import { findSharedLibraries } from '../shared-libraries.ts';
import { isPassable } from './run-directory.ts';

/** A read-only root directory for every sandbox of one plan. */
export interface StagedRoot {
  readonly directory: string;
  /** Host directories to mount on top; files are in `directory` already. */
  readonly binds: readonly PlanMount[];
}

/** Directories that are mount points or must be there. */
const skeleton = ['proc', 'dev', 'tmp', 'app', 'etc', 'usr', 'usr/bin', 'usr/lib'];
/** The user that code inside sees itself as. */
export const guestUserId = 1000;
const etcFiles: Readonly<Record<string, string>> = {
  passwd: `sandbox:x:${guestUserId}:${guestUserId}:sandbox:/tmp:/usr/sbin/nologin\n`,
  group: `sandbox:x:${guestUserId}:\n`,
  hosts: '127.0.0.1 localhost sandbox\n::1 localhost sandbox\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

/**
 * Builds, once per plan, a root with the interpreter, its shared libraries, the agent and nothing else of the host. Everything is hard
 * links (copies where those are refused), so a sandbox can use files that its user id could not reach at their own place, and
 * starts with one mount instead of dozens. The name is a hash of what the files are, so changed files make a new root.
 */
export class RootStage {
  readonly #directory: string;
  readonly #tools: readonly PlanMount[];
  readonly #needsPassage: boolean;
  readonly #roots = new Map<string, Promise<StagedRoot>>();

  constructor(options: {
    readonly directory: string;
    /** Programs that the driver itself starts inside. */
    readonly tools: readonly PlanMount[];
    readonly needsPassage: boolean;
  }) {
    this.#directory = options.directory;
    this.#tools = options.tools;
    this.#needsPassage = options.needsPassage;
  }

  /** The root of this plan; made now, or earlier, or being made. */
  rootFor(plan: Pick<RuntimePlan, 'agent' | 'toolchain'>): Promise<StagedRoot> {
    const mounts = [...this.#tools, ...plan.toolchain, plan.agent];
    const key = keyOf(mounts);
    let root = this.#roots.get(key);
    if (root === undefined) {
      root = this.#build(key, mounts);
      this.#roots.set(key, root);
      // A failure is not kept: what was missing may be there next time.
      root.catch(() => this.#roots.delete(key));
    }
    return root;
  }

  async #build(key: string, mounts: readonly PlanMount[]): Promise<StagedRoot> {
    const finished = join(this.#directory, key);
    const draft = join(this.#directory, `.${key}`);
    rmSync(draft, { recursive: true, force: true });
    makeDirectory(draft);
    for (const path of skeleton) makeDirectory(join(draft, path));
    for (const name of ['bin', 'sbin', 'lib', 'lib64', 'lib32']) copyTopLink(draft, name);
    for (const [name, text] of Object.entries(etcFiles)) writePublic(join(draft, 'etc', name), text);
    const binds: PlanMount[] = [];
    const programs: string[] = [];
    for (const mount of mounts) {
      const hostPath = realpathSync(mount.hostPath);
      const target = join(draft, mount.guestPath);
      if (!statSync(hostPath).isDirectory()) {
        makeDirectory(dirname(target));
        linkFile(hostPath, target);
        programs.push(hostPath);
        continue;
      }
      makeDirectory(target);
      programs.push(...findModules(hostPath));
      if (this.#needsPassage && !isPassable(hostPath)) await linkTree(hostPath, target, undefined);
      else binds.push({ hostPath, guestPath: mount.guestPath });
    }
    for (const library of await findSharedLibraries(programs.filter(isElf))) {
      const target = join(draft, library.guestPath);
      makeDirectory(dirname(target));
      if (!existsSync(target)) linkFile(library.hostPath, target);
    }
    renameSync(draft, finished);
    return { directory: finished, binds };
  }
}

/** Cheap enough for every start: what the mounts are now, not what they were. */
function keyOf(mounts: readonly PlanMount[]): string {
  const hash = createHash('sha256');
  for (const { hostPath, guestPath } of mounts) {
    const stat = statSync(hostPath, { throwIfNoEntry: false });
    if (stat === undefined) {
      const message = `${hostPath} is missing; install the runtime again, or build the agents (npm run build)`;
      throw new PlatformError('unavailable', 'runtime_file_missing', message);
    }
    hash.update(`${hostPath}\0${guestPath}\0${stat.dev}\0${stat.ino}\0${stat.size}\0${stat.mtimeMs}\0`);
  }
  return hash.digest('hex').slice(0, 16);
}

function makeDirectory(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o755 });
  // The umask may have taken away what the sandbox needs.
  for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made))
    chmodSync(made, 0o755);
}

/** /lib -> usr/lib and so on, where the host has merged them. */
function copyTopLink(root: string, name: string): void {
  const stat = lstatSync(join('/', name), { throwIfNoEntry: false });
  if (stat?.isSymbolicLink()) {
    const target = readlinkSync(join('/', name)).replace(/^\//, '');
    makeDirectory(join(root, target));
    symlinkSync(target, join(root, name));
  }
}

function writePublic(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o444);
}

/** Native modules of an interpreter's library, for example Python's lib-dynload. */
function findModules(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.so(\.\d+)*$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** ELF files begin with 0x7f 'ELF' (elf(5)); ldd complains about anything else. */
function isElf(path: string): boolean {
  const descriptor = openSync(path, 'r');
  try {
    const magic = Buffer.alloc(4);
    readSync(descriptor, magic, 0, 4, 0);
    return magic.toString('latin1') === '\x7fELF';
  } finally {
    closeSync(descriptor);
  }
}
