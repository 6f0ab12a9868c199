import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { PlatformError } from '../../../../../shared/errors.ts';
import type {
  BuiltGuest,
  GuestBuildRequest,
  GuestImages,
  GuestPartRecord,
} from '../../../../core/ports/guest-images.ts';
import type { DriverName, SandboxLimits } from '../../../../core/ports/isolation-driver.ts';
import type { RuntimePlan } from '../../../../core/ports/runtime-adapter.ts';
import { checkKernelFile, chooseKernel, forgetChosenKernel } from './chosen-kernel.ts';
import type { GuestTransport } from './guest-init.ts';
import { GuestStore, type GuestStoreOptions } from './guest-store.ts';

export interface GuestBuildsOptions {
  /** Of all drivers: they keep their parts in one place. */
  readonly directory: string;
  /** What the operator configured; with a kernel named there, none can be chosen. */
  readonly kernel: string;
  readonly busybox: string;
  readonly drivers: readonly { readonly name: DriverName; readonly transport: GuestTransport }[];
  /** The plan of a runtime under these limits; throws `unprocessable` for one that is not here or that guests cannot run. */
  readonly plan: (runtime: GuestBuildRequest['runtime']) => RuntimePlan;
  readonly limits: SandboxLimits;
}

const keepsKernel = 'installed';

/** Makes what the drivers with guests boot from, ahead and on request; they find it where they would have put it themselves. */
export class GuestBuilds implements GuestImages {
  readonly #options: GuestBuildsOptions;

  constructor(options: GuestBuildsOptions) {
    this.#options = options;
  }

  async build({ runtime, kernel }: GuestBuildRequest, signal: AbortSignal): Promise<readonly BuiltGuest[]> {
    const { directory, drivers } = this.#options;
    if (drivers.length === 0) {
      const message = 'no isolation level with guests is switched on; set HEARTH_QEMU=true or HEARTH_FIRECRACKER=true';
      throw new PlatformError('unprocessable', 'isolation_unavailable', message);
    }
    if (kernel !== undefined) this.#checkChoice(kernel);
    if (kernel === keepsKernel) await forgetChosenKernel(directory);
    const given = kernel === keepsKernel ? undefined : kernel;
    const plan = this.#options.plan(runtime);
    const guests: BuiltGuest[] = [];
    for (const { name, transport } of drivers) {
      signal.throwIfAborted();
      // A store of its own, which remembers nothing: inputs that have changed are seen.
      const store = new GuestStore(this.#storeOptions(transport, given));
      guests.push({ driver: name, runtime, ...(await build(store, plan, this.#options.limits)) });
    }
    // Only a kernel that could be taken apart is kept.
    if (given !== undefined) await chooseKernel(directory, given);
    return guests;
  }

  #checkChoice(kernel: string): void {
    if (this.#options.kernel !== '') {
      const message = `the kernel of guests is configured (HEARTH_GUEST_KERNEL=${this.#options.kernel}); change that instead`;
      throw new PlatformError('conflict', 'guest_kernel_configured', message);
    }
    if (kernel !== keepsKernel) checkKernelFile(kernel);
  }

  #storeOptions(transport: GuestTransport, given: string | undefined): GuestStoreOptions {
    const { directory, busybox, kernel } = this.#options;
    return { directory, busybox, transport, kernel: given ?? kernel };
  }
}

async function build(
  store: GuestStore,
  plan: RuntimePlan,
  limits: SandboxLimits,
): Promise<Pick<BuiltGuest, 'kernelVersion' | 'parts' | 'progress'>> {
  const progress: string[] = [];
  const { kernelVersion, parts } = await store.boot(plan, limits, (line) => progress.push(line));
  const kinds = ['kernel', 'initrd', 'root'] as const;
  const records = parts.map(async ({ name, path, sizeBytes, isNew }, index): Promise<GuestPartRecord> => {
    return { part: kinds[index] ?? 'root', name, digest: await digestOf(path), sizeBytes, isNew };
  });
  return { kernelVersion, parts: await Promise.all(records), progress };
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest('hex')}`;
}
