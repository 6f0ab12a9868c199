import { join } from 'node:path';
import type { RuntimeName } from '../../../../shared/version-config.ts';
import type { SandboxLimits } from '../../../core/ports/isolation-driver.ts';
import type { RuntimePlan } from '../../../core/ports/runtime-adapter.ts';
import { StaticProgram } from '../support/guest/static-program.ts';
import { bootManifest } from './manifest.ts';
import { channelAddress } from './qemu-arguments.ts';
import { volumeLabels } from './volume-store.ts';

/** Runtimes that need more than one process, or files that are not ours to build. */
export const cannotRun: ReadonlyMap<RuntimeName, string> = new Map([
  ['custom', 'since its agent starts the bootstrap as a process of its own, and a unikernel has one process'],
  ['image', 'since a container image has a Linux system of its own, and a unikernel has none'],
]);

const runtimePlace = '/hearth-runtime';
/** Directories of the runtime's volume that programs name from the top. */
const runtimeDirectories = ['bin', 'sbin', 'lib', 'lib64', 'usr', 'etc', 'hearth'];
/** What Nanos's file system needs of a volume for itself: its log, and the table of files. */
const tmpOverheadMb = 2;
/** System calls of the program for trials (arch/x86/entry/syscalls/syscall_64.tbl). */
const exitGroup = 231;

/** Paths of what one unikernel has for itself. */
export function instanceVolumes(slotDirectory: string): { readonly boot: string; readonly tmp: string } {
  return { boot: join(slotDirectory, 'boot'), tmp: join(slotDirectory, 'tmp') };
}

/** Size of the volume on which a function finds `limits.tmpMb` at most. */
export function tmpVolumeMb(limits: SandboxLimits): number {
  return limits.tmpMb + tmpOverheadMb;
}

/** The manifest of the volume that one sandbox boots from: what to start, with which channel and key, and what to mount where. */
export function bootVolume(options: {
  readonly plan: RuntimePlan;
  readonly key: string;
  readonly hasCode: boolean;
}): string {
  const { plan, key, hasCode } = options;
  const roots = new Set(
    [...plan.argv.slice(0, 1), plan.agent.guestPath, ...plan.toolchain.map(({ guestPath }) => guestPath)].map(topOf),
  );
  return bootManifest({
    program: plan.argv[0] ?? '',
    arguments: plan.argv,
    environment: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: '/tmp',
      TMPDIR: '/tmp',
      LANG: 'C.UTF-8',
      ...plan.env,
      HEARTH_CHANNEL: `tcp:${channelAddress.host}:${channelAddress.port}`,
      HEARTH_CHANNEL_KEY: key,
    },
    mounts: [
      { label: volumeLabels.runtime, path: runtimePlace, readOnly: true },
      { label: volumeLabels.tmp, path: '/tmp', readOnly: false },
      ...(hasCode ? [{ label: volumeLabels.code, path: '/app', readOnly: true }] : []),
    ],
    links: Object.fromEntries(
      [...new Set([...runtimeDirectories, ...roots])].map((name) => [name, `${runtimePlace.slice(1)}/${name}`]),
    ),
  });
}

function topOf(path: string): string {
  return path.split('/').find((part) => part !== '') ?? '';
}

/** A program of a few bytes that ends at once with `status`: that it did shows that unikernels run here. */
export function trialPlan(hostPath: string): {
  readonly plan: RuntimePlan;
  readonly bytes: Buffer;
  readonly status: number;
} {
  const status = 42;
  const agent = { hostPath, guestPath: '/hearth/trial' };
  return {
    plan: { runtime: 'custom', argv: [agent.guestPath], env: {}, agent, toolchain: [] },
    bytes: new StaticProgram(1).call(exitGroup, status).build(),
    status,
  };
}
