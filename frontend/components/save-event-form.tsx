import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { TestEvent } from '../../shared/api/test-events.ts';
import { useApi } from '../api/context.tsx';
import { type TestEventName, testEventsApi, testEventsQuery } from '../api/test-events.ts';
import { saveObstacle } from '../forms/test-event.ts';
import { Button } from '../ui/button.tsx';
import { Input, Select } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
import { PermittedButton } from './permitted-button.tsx';

export interface SaveEventFormProps {
  readonly functionName: string;
  readonly event: string;
  readonly saved: readonly TestEvent[];
  /** What the form begins with. */
  readonly first: TestEventName;
  /** With the event that was saved; undefined: nothing was. */
  readonly onDone: (saved?: TestEventName) => void;
}

const visibilities = [
  { value: 'private', label: 'Only for me' },
  { value: 'shared', label: 'Shared with the project' },
] as const;

/** Gives an event a name. One of that name is replaced, which is said before. */
export function SaveEventForm({ functionName, event, saved, first, onDone }: SaveEventFormProps) {
  const api = useApi();
  const queryClient = useQueryClient();
  const [typed, setTyped] = useState(first.name);
  const [visibility, setVisibility] = useState(first.visibility);
  const target = { visibility, name: typed.trim() };
  const before = saved.find((item) => item.visibility === visibility && item.name === target.name);
  const reason = saveObstacle(saved, target, event);
  const save = useMutation({
    mutationFn: () => testEventsApi.put(api, functionName, target, event),
    onSuccess: async (done) => {
      await queryClient.invalidateQueries({ queryKey: testEventsQuery(api, functionName).queryKey });
      toast.done('Saved', visibility === 'shared' ? 'Everybody in the project can choose it.' : 'Only you can see it.');
      onDone({ visibility, name: done.name });
    },
    onError: (error) => toast.failed('Not saved', error),
  });
  return (
    <form
      className="flex min-w-0 flex-wrap items-center gap-2"
      onKeyDown={(key) => key.key === 'Escape' && onDone()}
      onSubmit={(submitted) => {
        submitted.preventDefault();
        if (reason === undefined && !save.isPending) save.mutate();
      }}
    >
      <Input
        autoFocus
        aria-label="Name of the event"
        placeholder="Name"
        className="min-w-32 max-w-56 grow"
        value={typed}
        onChange={(change) => setTyped(change.target.value)}
      />
      <Select
        aria-label="Who sees it"
        className="max-w-56 grow"
        value={visibility}
        options={visibilities}
        onChange={(change) => setVisibility(change.target.value === 'shared' ? 'shared' : 'private')}
      />
      <PermittedButton
        operation="putTestEvent"
        type="submit"
        size="small"
        tone="primary"
        isBusy={save.isPending}
        disabledReason={reason}
      >
        {before === undefined ? 'Save' : 'Overwrite'}
      </PermittedButton>
      <Button size="small" onClick={() => onDone()}>
        Cancel
      </Button>
      <p aria-live="polite" className="basis-full text-xs text-muted empty:hidden">
        {before !== undefined &&
          (visibility === 'shared'
            ? `Takes the place of the shared event of this name, which ${before.updatedBy} saved.`
            : 'Takes the place of your event of this name.')}
      </p>
    </form>
  );
}
