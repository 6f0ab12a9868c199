import type { ErrorIssue } from './errors.ts';
import type { VersionConfig } from './version-config.ts';

type Capacity = Pick<VersionConfig, 'maxInstances' | 'minInstances' | 'maxConcurrency' | 'concurrency' | 'batch'>;

/** Most invocations of a function that can be in flight, by the configuration of a version. */
export function mostInFlight(config: Capacity): number {
  const { maxInstances, minInstances, maxConcurrency, concurrency, batch } = config;
  const capacity = Math.max(maxInstances, minInstances) * Math.max(concurrency, batch.maxSize);
  return Math.min(capacity, maxConcurrency ?? capacity);
}

/** Numbers that are right by themselves and contradict each other; the platform refuses them, and forms say so before. */
export function numberConflicts(
  config: Capacity & Pick<VersionConfig, 'reservedConcurrency' | 'provisionedWindows' | 'retry'>,
): readonly ErrorIssue[] {
  const issues: ErrorIssue[] = [];
  const overInstances = `must not be more than maxInstances (${config.maxInstances})`;
  if (config.minInstances > config.maxInstances) issues.push({ path: 'minInstances', message: overInstances });
  if (config.reservedConcurrency > mostInFlight(config)) {
    const message = `must not be more than the ${mostInFlight(config)} calls that the function can have in flight`;
    issues.push({ path: 'reservedConcurrency', message });
  }
  for (const [index, window] of config.provisionedWindows.entries()) {
    if (window.minInstances > config.maxInstances)
      issues.push({ path: `provisionedWindows.${index}.minInstances`, message: overInstances });
  }
  if (config.retry.minBackoffMs > config.retry.maxBackoffMs) {
    issues.push({ path: 'retry.minBackoffMs', message: 'must not be more than maxBackoffMs' });
  }
  return issues;
}
