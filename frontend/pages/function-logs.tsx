import { LogPanel } from '../components/log-panel.tsx';
import { useFunction } from '../components/use-function.ts';

export function FunctionLogsTab() {
  return <LogPanel functionName={useFunction().name} />;
}
