import { Link } from '@tanstack/react-router';
import { PageHeader } from '../components/page-header.tsx';
import { paths } from '../path-builder.ts';

export function NotFoundPage() {
  return (
    <>
      <PageHeader title="Not found" note="There is no page at this address." />
      <Link to={paths.overview()} className="text-accent underline">
        Go to the overview
      </Link>
    </>
  );
}
