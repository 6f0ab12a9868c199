import type { SystemDocument } from '../../shared/api/system.ts';
import { formatBytes, formatCount, formatMs } from './format.ts';

/** Whether code can run here without isolation. */
export function isUnsandboxed(system: Pick<SystemDocument, 'defaultIsolation' | 'drivers'>): boolean {
  return (
    system.defaultIsolation === 'unsandboxed' ||
    system.drivers.some((driver) => driver.name === 'unsandboxed' && driver.status === 'healthy')
  );
}

/** Limits carry their unit in their name: it says how to read the value. */
export function limitText(name: string, value: number | string): string {
  if (typeof value === 'string') return value;
  if (/bytes/i.test(name)) return formatBytes(value);
  if (/ms(\.|$)/i.test(name)) return formatMs(value);
  if (/mb(\.|$)/i.test(name)) return `${formatCount(value)} MiB`;
  return formatCount(value);
}

/** `maxRequestBytes` -> `Max request`, `timeoutMs.max` -> `Timeout, max`. */
export function limitName(name: string): string {
  const words = name
    .replace(/(Bytes|Ms|Mb)(?=[A-Z.]|$)/g, '')
    .replaceAll('.', ', ')
    .replace(/([a-z0-9])([A-Z])/g, (_match, before: string, after: string) => `${before} ${after.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
