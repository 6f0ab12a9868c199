import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { TriangleAlert } from 'lucide-react';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { isUnsandboxed } from '../util/system.ts';

/** On every page while code can run without a sandbox: nobody shall forget it. */
export function SafetyBanner() {
  const { data } = useQuery(queries.system(useApi()));
  if (data === undefined || !isUnsandboxed(data)) return null;
  return (
    <div
      role="alert"
      className="flex flex-wrap items-center gap-x-2 gap-y-1 border-b border-danger bg-danger-soft px-4 py-2 text-sm"
    >
      <TriangleAlert className="size-4 text-danger" aria-hidden="true" />
      <strong className="font-semibold">Functions can run without a sandbox.</strong>
      Their code can read and change everything that Hearth can.
      <Link to={paths.system()} className="font-medium text-danger underline">
        What to do
      </Link>
    </div>
  );
}
