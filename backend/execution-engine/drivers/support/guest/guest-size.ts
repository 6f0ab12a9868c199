import type { SandboxLimits } from '../../../../core/ports/isolation-driver.ts';

/** What a guest needs beside its function: kernel, page tables, init, the root image's metadata. */
const guestOverheadMb = 72;
const pageTablesShare = 0.03;

/** Memory of a guest whose function may use `limits.memoryMb`, in MiB. */
export function guestMemoryMb(limits: SandboxLimits): number {
  return limits.memoryMb + guestOverheadMb + Math.ceil(limits.memoryMb * pageTablesShare);
}

/** Virtual processors of a guest; the share of a processor is held by its control groups. */
export function guestProcessors(limits: SandboxLimits): number {
  return Math.max(1, Math.ceil(limits.cpus));
}
