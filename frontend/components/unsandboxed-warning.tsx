import { Link } from '@tanstack/react-router';
import { TriangleAlert } from 'lucide-react';
import { paths } from '../path-builder.ts';

/** What is wrong with code that runs without a sandbox, and where to read on. */
export function UnsandboxedWarning() {
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
