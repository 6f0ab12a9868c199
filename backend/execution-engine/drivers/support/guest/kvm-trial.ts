import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Whether guests run under KVM on this host, and how that is known: for people. */
export interface KvmFinding {
  readonly isUsable: boolean;
  readonly reason: string;
}

export interface KvmTrialOptions {
  /** `kvmDevice` when left out. */
  readonly device?: string;
  /** Where the outcome is kept: the trial is made once per boot of the host and `key`. */
  readonly cacheFile: string;
  /** Whatever the outcome depends on beside the host's boot, for example the VMM's version and the guest's kernel. */
  readonly key: string;
  /** Boots a guest under KVM and resolves when the guest shows a sign of life; must end the guest when `signal` aborts. */
  readonly boot: (signal: AbortSignal) => Promise<void>;
  /** A real KVM takes less than a second. */
  readonly boundMs?: number;
  /** Of this boot of the host; read from the kernel when left out. */
  readonly bootId?: string;
}

export const kvmDevice = '/dev/kvm';
const defaultBoundMs = 5000;

/**
 * Tries KVM for real: a device that opens, and even a machine that it makes, say little, since nested and confined hosts have KVM whose guests never run.
 * Never rejects: whatever fails means emulation, with the reason.
 */
export async function tryKvm(options: KvmTrialOptions): Promise<KvmFinding> {
  const device = options.device ?? kvmDevice;
  const closed = whyClosed(device);
  if (closed !== undefined) return { isUsable: false, reason: closed };
  const key = `${options.bootId ?? hostBootId()}\n${options.key}`;
  const known = readCache(options.cacheFile, key);
  if (known !== undefined) return known;
  const finding = await boot(options.boot, device, options.boundMs ?? defaultBoundMs);
  // Without the file it is tried again next time.
  await writeCache(options.cacheFile, key, finding).catch(() => undefined);
  return finding;
}

async function boot(start: KvmTrialOptions['boot'], device: string, boundMs: number): Promise<KvmFinding> {
  const startedAt = performance.now();
  const signal = AbortSignal.timeout(boundMs);
  try {
    await start(signal);
    const tookMs = Math.round(performance.now() - startedAt);
    return { isUsable: true, reason: `a guest under KVM came up in ${tookMs} ms` };
  } catch (error) {
    if (signal.aborted) {
      return { isUsable: false, reason: `${device} is there, but a guest showed no sign of life within ${boundMs} ms` };
    }
    const said = error instanceof Error ? error.message : String(error);
    return { isUsable: false, reason: `${device} is there, but a guest did not come up (${said})` };
  }
}

function whyClosed(device: string): string | undefined {
  try {
    closeSync(openSync(device, constants.O_RDWR));
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return code === 'ENOENT' ? `there is no ${device}` : `${device} cannot be opened (${code})`;
  }
}

/** Changes with every boot of the host (Documentation/admin-guide/sysctl/kernel.rst, random). */
function hostBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function readCache(file: string, key: string): KvmFinding | undefined {
  try {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Partial<KvmFinding & { readonly key: string }>;
    if (kept.key !== key || typeof kept.isUsable !== 'boolean' || typeof kept.reason !== 'string') return undefined;
    return { isUsable: kept.isUsable, reason: kept.reason };
  } catch {
    return undefined;
  }
}

async function writeCache(file: string, key: string, finding: KvmFinding): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify({ key, ...finding }), { mode: 0o600 });
  await rename(draft, file);
}
