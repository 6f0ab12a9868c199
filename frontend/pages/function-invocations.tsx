import { InvocationTable } from '../components/invocation-table.tsx';
import { useFunction } from '../components/use-function.ts';

export function FunctionInvocationsTab() {
  return <InvocationTable functionName={useFunction().name} />;
}
