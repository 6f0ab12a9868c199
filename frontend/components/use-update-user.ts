import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { UpdateUser } from '../../shared/api/access.ts';
import { useApi } from '../api/context.tsx';
import { peopleApi } from '../api/people.ts';
import { toast } from '../ui/toast.tsx';

export interface UserChange {
  readonly name: string;
  readonly change: UpdateUser;
}

/** Changes a user, and asks again for all that depends on it: it may be the person who changes it. */
export function useUpdateUser(done: string, onDone: () => void) {
  const api = useApi();
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: ({ name, change }: UserChange) => peopleApi.updateUser(api, name, change),
    onSuccess: () => {
      toast.done(done);
      onDone();
    },
    onSettled: () =>
      Promise.all(['users', 'members', 'whoami'].map((key) => queryClient.invalidateQueries({ queryKey: [key] }))),
  });
}
