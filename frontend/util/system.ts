import type { SystemDocument } from '../../shared/api/system.ts';

/** Whether code can run here without isolation. */
export function isUnsandboxed(system: Pick<SystemDocument, 'defaultIsolation' | 'drivers'>): boolean {
  return (
    system.defaultIsolation === 'unsandboxed' ||
    system.drivers.some((driver) => driver.name === 'unsandboxed' && driver.status === 'healthy')
  );
}
