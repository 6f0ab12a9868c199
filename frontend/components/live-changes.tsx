import { useQueryClient } from '@tanstack/react-query';
import { useTopic } from '../api/context.tsx';

/** Asks again for what has changed, wherever it was changed: functions, versions and aliases, and alert rules. */
export function LiveChanges() {
  const client = useQueryClient();
  useTopic('deployments', () => void client.invalidateQueries({ queryKey: ['functions'] }));
  useTopic('alerts', () => void client.invalidateQueries({ queryKey: ['alerts'] }));
  return null;
}
