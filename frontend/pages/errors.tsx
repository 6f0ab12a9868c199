import { ErrorGroups } from '../components/error-groups.tsx';
import { PageHeader } from '../components/page-header.tsx';

export function ErrorsPage() {
  return (
    <>
      <PageHeader title="Errors" note="Failures that look the same, the ones seen last first." />
      <ErrorGroups />
    </>
  );
}
