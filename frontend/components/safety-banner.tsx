import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { isUnsandboxed } from '../util/system.ts';

const UnsandboxedWarning = lazy(() =>
  import('./unsandboxed-warning.tsx').then((module) => ({ default: module.UnsandboxedWarning })),
);

/** On every page while code can run without a sandbox: nobody shall forget it. */
export function SafetyBanner() {
  const { data } = useQuery(queries.system(useApi()));
  if (data === undefined || !isUnsandboxed(data)) return null;
  return (
    <Suspense fallback={null}>
      <UnsandboxedWarning />
    </Suspense>
  );
}
