import { PlatformError } from '../../../../../shared/errors.ts';

/** What a VMM may say in an error before it is cut; its messages can hold what the guest caused, and land in logs. */
const maxSaidChars = 400;

interface Hint {
  readonly pattern: RegExp;
  readonly code: string;
  readonly fix: string;
}

/** What Firecracker says (rpc_interface.rs and the error types below it), and what an operator does about it. First match wins. */
const hints: readonly Hint[] = [
  {
    pattern: /no space left on device|os error 28\b/i,
    code: 'firecracker_disk_full',
    fix: 'the disk with the run directory or the snapshots is full; free space there',
  },
  {
    pattern: /\/dev\/kvm|\bkvm\b.*(permission denied|os error 13)|error creating kvm object/i,
    code: 'firecracker_no_kvm',
    fix: 'give the user of the microVM access to /dev/kvm, and see that virtualisation is on (firmware, or nested for a virtual machine)',
  },
  {
    pattern: /cannot allocate memory|os error 12\b/i,
    code: 'firecracker_no_memory',
    fix: 'the host has no memory for another microVM; lower HEARTH_POOL_MEMORY_MB or memoryMb',
  },
  {
    pattern: /snapshot.*version|version.*snapshot|data format/i,
    code: 'firecracker_snapshot_version',
    fix: 'the snapshot was made by another version of Firecracker; it has to be taken again',
  },
  {
    pattern: /crc|checksum|failed to (load|restore) .*(state|memory|snapshot)|load snapshot error/i,
    code: 'firecracker_snapshot_broken',
    fix: 'the snapshot cannot be used; it has to be taken again',
  },
  {
    pattern: /kernel (image|loader|file|configuration)|boot source|invalid elf|initrd/i,
    code: 'firecracker_bad_kernel',
    fix: 'the guest kernel must be an uncompressed ELF file (vmlinux) for this processor; name a kernel of a distribution in HEARTH_GUEST_KERNEL',
  },
  {
    pattern: /not supported (before|after) starting the microvm/i,
    code: 'firecracker_wrong_state',
    fix: 'the request came at the wrong time; this is a fault of the driver',
  },
  {
    pattern: /permission denied|os error 13\b/i,
    code: 'firecracker_no_permission',
    fix: 'the user of the microVM cannot open a file in its jail; see that the folders below the run directory can be passed by others',
  },
];

export interface Refusal {
  readonly status: number;
  readonly method: string;
  readonly path: string;
  /** The body: `{"fault_message": "…"}`, or anything else. */
  readonly body: string;
}

/** Firecracker answered, but not with success. */
export function refusalError({ status, method, path, body }: Refusal): PlatformError {
  const said = faultMessage(body);
  const hint = hints.find(({ pattern }) => pattern.test(said));
  const what = `Firecracker refused ${method} ${path} (${status})${said === '' ? '' : `: ${said}`}`;
  if (hint !== undefined) return new PlatformError('unavailable', hint.code, `${what}. ${hint.fix}`);
  return new PlatformError('unavailable', 'firecracker_refused', what);
}

/** The connection could not be made, or broke before an answer. */
export function connectionError(socketPath: string, cause: unknown): PlatformError {
  if (cause instanceof PlatformError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    const message = `no Firecracker listens on ${socketPath}: it has ended, or never began; its last words are in the log`;
    return new PlatformError('unavailable', 'firecracker_gone', message, { cause });
  }
  const message = `the connection to Firecracker on ${socketPath} broke${code === '' ? '' : ` (${code})`}; it may have ended`;
  return new PlatformError('unavailable', 'firecracker_gone', message, { cause });
}

export function slowError(method: string, path: string, timeoutMs: number): PlatformError {
  const message = `Firecracker did not answer ${method} ${path} within ${timeoutMs} ms; the host may be overloaded`;
  return new PlatformError('unavailable', 'firecracker_slow', message);
}

export function abortedError(): PlatformError {
  return new PlatformError('unavailable', 'aborted', 'a request to Firecracker was aborted');
}

function faultMessage(body: string): string {
  try {
    const { fault_message: message } = JSON.parse(body) as { fault_message?: unknown };
    if (typeof message === 'string') return message.slice(0, maxSaidChars).trim();
  } catch {
    // Not what the description promises; shown as it is.
  }
  return body.slice(0, maxSaidChars).trim();
}
