import { type FunctionDocument, functionSchema } from '../../shared/api/functions.ts';

/** A function as the API shows it, with what the last hour counted; `more` replaces any of it. */
export function functionDocument(
  name: string,
  invocations: number,
  errors: number,
  more: Partial<FunctionDocument> = {},
): FunctionDocument {
  return functionSchema.parse({
    id: name,
    name,
    description: '',
    tags: [],
    enabled: true,
    runtime: 'nodejs',
    isolation: 'process',
    latestVersion: 1,
    liveVersion: 1,
    memoryMb: 128,
    lastDeployment: { version: 1, at: '2026-11-24T12:00:00Z', by: 'ada' },
    url: 'http://localhost/f',
    routes: [],
    createdAt: '2026-11-24T12:00:00Z',
    updatedAt: '2026-11-24T12:00:00Z',
    stats: {
      windowMs: 3_600_000,
      invocations,
      errors,
      p50Ms: null,
      p95Ms: invocations || null,
      coldStarts: 0,
      peakMemoryBytes: 0,
      sparkline: [],
    },
    ...more,
  });
}
