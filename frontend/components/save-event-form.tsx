import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { TestEvent } from '../../shared/api/test-events.ts';
import type { TestEventKind } from '../../shared/test-events.ts';
import { useApi } from '../api/context.tsx';
import { type TestEventName, testEventsApi, testEventsQuery } from '../api/test-events.ts';
import { saveObstacle } from '../forms/test-event.ts';
import { Button } from '../ui/button.tsx';
import { Input, Select } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
import { PermittedButton } from './permitted-button.tsx';

export interface SharedCredentials {
  readonly names: readonly string[];
  readonly without: string;
}

export interface SaveEventFormProps {
  readonly functionName: string;
  readonly event: string;
  readonly kind?: TestEventKind;
  /** Headers of a request that may hold credentials, and the request without them. */
  readonly credentials?: SharedCredentials;
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
export function SaveEventForm({ functionName, event, saved, first, onDone, ...props }: SaveEventFormProps) {
  const { kind = 'event', credentials } = props;
  const api = useApi();
  const queryClient = useQueryClient();
  const [typed, setTyped] = useState(first.name);
  const [visibility, setVisibility] = useState(first.visibility);
  const target = { visibility, name: typed.trim() };
  const before = saved.find((item) => item.visibility === visibility && item.name === target.name);
  const [keepsCredentials, setKeepsCredentials] = useState(false);
  const shares = visibility === 'shared' && credentials !== undefined && credentials.names.length > 0;
  const content = shares && !keepsCredentials ? credentials.without : event;
  const reason = saveObstacle(saved, target, content, kind);
  const save = useMutation({
    mutationFn: () =>
      testEventsApi.put(api, functionName, target, content, { kind, keepsCredentials: shares && keepsCredentials }),
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
        aria-label={`Name of the ${kind}`}
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
            ? `Takes the place of the shared ${before.kind} of this name, which ${before.updatedBy} saved.`
            : `Takes the place of your ${before.kind} of this name.`)}
      </p>
      {shares && (
        <div className="flex basis-full flex-col gap-1 rounded-md bg-warn-soft px-2.5 py-2 text-xs">
          <p>
            {credentials.names.join(', ')} may hold credentials, which everybody in the project could read and use.
            {!keepsCredentials && ' Saved without.'}
          </p>
          <label className="flex min-h-6 items-center gap-2">
            <input
              type="checkbox"
              checked={keepsCredentials}
              onChange={(change) => setKeepsCredentials(change.target.checked)}
            />
            Save them all the same
          </label>
        </div>
      )}
    </form>
  );
}
