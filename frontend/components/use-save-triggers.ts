import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { FunctionChange } from '../api/api.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { toast } from '../ui/toast.tsx';
import { useFunction } from './use-function.ts';

/** Changes routes or schedules of the function of the address. Who has a place of its own for errors shows them there. */
export function useSaveTriggers() {
  const api = useApi();
  const fn = useFunction();
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (change: FunctionChange) => api.updateFunction(fn.name, change, fn.etag),
    onSuccess: async () => {
      toast.done('Triggers saved');
      await queryClient.invalidateQueries({ queryKey: ['functions'] });
    },
  });
}

/** Names of the aliases of the function of the address. */
export function useAliasNames(): readonly string[] {
  const fn = useFunction();
  return useQuery(queries.aliases(useApi(), fn.name)).data?.items.map(({ name }) => name) ?? [];
}
