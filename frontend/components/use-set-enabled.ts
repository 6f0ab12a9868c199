import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useApi } from '../api/context.tsx';
import { toast } from '../ui/toast.tsx';

export interface EnabledChange {
  /** Names of functions. */
  readonly names: readonly string[];
  readonly enabled: boolean;
}

/** What one caller asks of the platform at once: a change waits for the disk and for its turn anyway. */
const atOnce = 4;

/** Enables or disables functions, says what came of it, and goes on with the others when one is refused. */
export function useSetEnabled(onDone?: () => void) {
  const api = useApi();
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async ({ names, enabled }: EnabledChange) => {
      const refused: { readonly name: string; readonly error: unknown }[] = [];
      const waiting = names.values();
      const changeInTurn = async () => {
        for (const name of waiting) {
          await api.updateFunction(name, { enabled }, null).catch((error: unknown) => refused.push({ name, error }));
        }
      };
      await Promise.all(Array.from({ length: atOnce }, changeInTurn));
      return { refused };
    },
    onSuccess: async ({ refused }, { names, enabled }) => {
      const [first] = refused;
      const what = enabled ? 'enabled' : 'disabled';
      const changed = names.filter((name) => !refused.some((item) => item.name === name));
      if (changed.length === 1) toast.done(`${changed[0]} is ${what}`);
      if (changed.length > 1) toast.done(`${changed.length} functions are ${what}`);
      if (first !== undefined)
        toast.failed(`${first.name} was not ${what}${andOthers(refused.length - 1)}`, first.error);
      onDone?.();
      await queryClient.invalidateQueries({ queryKey: ['functions'] });
    },
  });
}

const andOthers = (count: number) => (count === 0 ? '' : `, nor ${count} others`);
