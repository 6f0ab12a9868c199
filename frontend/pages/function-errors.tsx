import { ErrorGroups } from '../components/error-groups.tsx';
import { useFunction } from '../components/use-function.ts';

export function FunctionErrorsTab() {
  return <ErrorGroups functionName={useFunction().name} />;
}
