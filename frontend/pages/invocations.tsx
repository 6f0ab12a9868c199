import { FunctionFilter } from '../components/function-filter.tsx';
import { InvocationTable } from '../components/invocation-table.tsx';
import { PageHeader } from '../components/page-header.tsx';

export function InvocationsPage() {
  return (
    <>
      <PageHeader title="Invocations" note="Newest first." />
      <InvocationTable filters={<FunctionFilter />} />
    </>
  );
}
