import { FunctionRoutes } from '../components/function-routes.tsx';
import { FunctionSchedules } from '../components/function-schedules.tsx';

export function FunctionTriggersTab() {
  return (
    <div className="grid items-start gap-4 xl:grid-cols-2">
      <FunctionRoutes />
      <FunctionSchedules />
    </div>
  );
}
