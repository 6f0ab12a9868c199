import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { Schedule } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { setScheduleEnabled } from '../api/triggers.ts';
import { toast } from '../ui/toast.tsx';
import { PermittedButton } from './permitted-button.tsx';

function useRunAndPause({ id, enabled }: Schedule) {
  const api = useApi();
  const queryClient = useQueryClient();
  const renew = (key: string) => queryClient.invalidateQueries({ queryKey: [key] });
  const run = useMutation({
    mutationFn: () => api.runSchedule(id),
    onSuccess: async (accepted) => {
      toast.done('Queued', accepted.id);
      await renew('invocations');
    },
    onError: (error) => toast.failed('Not started', error),
  });
  const toggle = useMutation({
    mutationFn: () => setScheduleEnabled(api, id, !enabled),
    onSuccess: async ({ name }) => {
      toast.done(enabled ? `${name} is paused` : `${name} runs again`);
      await renew('functions');
    },
    onError: (error) => toast.failed(enabled ? 'Not paused' : 'Not resumed', error),
  });
  return { run, toggle };
}

/** Starts a schedule by hand, and pauses or resumes it. `name`: how the buttons call it, where there are several. */
export function ScheduleButtons({ schedule, name }: { readonly schedule: Schedule; readonly name: string }) {
  const { run, toggle } = useRunAndPause(schedule);
  const pause = schedule.enabled ? 'Pause' : 'Resume';
  const button = { size: 'small', tone: 'ghost' } as const;
  return (
    <>
      <PermittedButton
        operation="runSchedule"
        {...button}
        isBusy={run.isPending}
        onClick={() => run.mutate()}
        aria-label={`Run now: ${name}`}
      >
        Run now
      </PermittedButton>
      <PermittedButton
        operation="updateSchedule"
        {...button}
        isBusy={toggle.isPending}
        onClick={() => toggle.mutate()}
        aria-label={`${pause} ${name}`}
      >
        {pause}
      </PermittedButton>
    </>
  );
}
