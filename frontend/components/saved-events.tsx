import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Save, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { TestEvent } from '../../shared/api/test-events.ts';
import type { TestEventKind } from '../../shared/test-events.ts';
import { useApi } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { type TestEventName, testEventsApi, testEventsQuery } from '../api/test-events.ts';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { IconButton } from '../ui/button.tsx';
import { Select } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
import { type BrowserEvent, deleteBrowserEvent } from '../util/browser-events.ts';
import { BrowserEventsNotice, useBrowserEvents } from './browser-events.tsx';
import { SaveEventForm, type SharedCredentials } from './save-event-form.tsx';

export interface SavedEventsProps {
  readonly functionName: string;
  /** What is chosen from and saved; those of the other kind are in the other editor. */
  readonly kind?: TestEventKind;
  /** The event, or the message that is the request, as it is in the editor. */
  readonly event: string;
  readonly credentials?: SharedCredentials;
  readonly onChoose: (event: string) => void;
}

const keyOf = ({ visibility, name }: TestEventName): string => `${visibility}/${name}`;
const browserKey = ({ name }: BrowserEvent): string => `browser/${name}`;

function optionsOf(kind: TestEventKind, saved: readonly TestEvent[], browser: readonly BrowserEvent[]) {
  const none = saved.length + browser.length === 0 ? `No saved ${kind}s` : `Saved ${kind}s`;
  const of = (visibility: TestEvent['visibility']) => saved.filter((item) => item.visibility === visibility);
  return [
    { value: '', label: none },
    ...of('private').map((item) => ({ value: keyOf(item), label: item.name })),
    ...of('shared').map((item) => ({ value: keyOf(item), label: `${item.name} · shared` })),
    ...browser.map((item) => ({ value: browserKey(item), label: `${item.name} · only in this browser` })),
  ];
}

/** Events with names, to test with them again: choose, save, delete. The platform keeps them. */
export function SavedEvents({ functionName, kind = 'event', event, credentials, onChoose }: SavedEventsProps) {
  const api = useApi();
  const queryClient = useQueryClient();
  const query = testEventsQuery(api, functionName);
  const { data: saved = [], error } = useQuery(query);
  const ofKind = saved.filter((item) => item.kind === kind);
  const browser = useBrowserEvents(functionName);
  // Requests were never kept there.
  const inBrowser = kind === 'event' ? browser.events : [];
  const [chosen, setChosen] = useState('');
  const [isSaving, setIsSaving] = useState(false);
  const [isAsking, setIsAsking] = useState(false);
  const renew = () => queryClient.invalidateQueries({ queryKey: query.queryKey });
  const read = useMutation({
    mutationFn: (item: TestEventName) => testEventsApi.text(api, functionName, item),
    onSuccess: onChoose,
    onError: (failure) => toast.failed(`The ${kind} cannot be read`, failure),
  });
  const remove = useMutation({
    mutationFn: (item: TestEventName) => testEventsApi.remove(api, functionName, item),
    onSuccess: () => setChosen(''),
    onError: (failure) => toast.failed('Not deleted', failure),
    onSettled: async () => {
      setIsAsking(false);
      await renew();
    },
  });
  const refusals = { save: usePermission('putTestEvent'), remove: usePermission('deleteTestEvent') };
  const item = ofKind.find((candidate) => keyOf(candidate) === chosen);
  const ofBrowser = inBrowser.find((candidate) => browserKey(candidate) === chosen);
  const choose = (key: string) => {
    setChosen(key);
    const found = ofKind.find((candidate) => keyOf(candidate) === key);
    const local = inBrowser.find((candidate) => browserKey(candidate) === key);
    if (found !== undefined) read.mutate(found);
    else if (local !== undefined) onChoose(local.event);
  };
  const askOrRemove = () => {
    if (ofBrowser !== undefined) {
      deleteBrowserEvent(localStorage, functionName, ofBrowser);
      setChosen('');
      browser.renew();
    } else if (item?.visibility === 'shared') setIsAsking(true);
    else if (item !== undefined) remove.mutate(item);
  };
  const name = item?.name ?? ofBrowser?.name ?? '';
  return (
    <>
      {isSaving ? (
        <SaveEventForm
          functionName={functionName}
          event={event}
          kind={kind}
          {...(credentials === undefined ? {} : { credentials })}
          saved={saved}
          first={item ?? { visibility: 'private', name }}
          onDone={(done) => {
            setIsSaving(false);
            if (done !== undefined) setChosen(keyOf(done));
          }}
        />
      ) : (
        <div className="flex min-w-0 flex-wrap items-center gap-1.5">
          <Select
            aria-label={`Saved ${kind}s`}
            className="min-w-32 max-w-56 grow"
            value={item === undefined && ofBrowser === undefined ? '' : chosen}
            options={optionsOf(kind, ofKind, inBrowser)}
            onChange={(change) => choose(change.target.value)}
          />
          <IconButton label={`Save this ${kind}`} disabledReason={refusals.save} onClick={() => setIsSaving(true)}>
            <Save className="size-4" aria-hidden="true" />
          </IconButton>
          {name !== '' && (
            <IconButton
              label={`Delete the ${item?.visibility === 'shared' ? 'shared' : 'saved'} ${kind} ${name}`}
              isBusy={remove.isPending}
              // What this browser alone keeps is its own.
              disabledReason={ofBrowser === undefined ? refusals.remove : undefined}
              onClick={askOrRemove}
            >
              <Trash2 className="size-4" aria-hidden="true" />
            </IconButton>
          )}
        </div>
      )}
      {error !== null && (
        <p role="alert" className="basis-full text-xs text-danger">
          The saved events cannot be read: {error.message}
        </p>
      )}
      <BrowserEventsNotice {...browser} />
      <ConfirmDialog
        isOpen={isAsking}
        onClose={() => setIsAsking(false)}
        title={`Delete the shared ${kind} ${name}?`}
        action="Delete for everybody"
        isDangerous
        isBusy={remove.isPending}
        onConfirm={() => item !== undefined && remove.mutate(item)}
      >
        <p>Everybody in the project can choose it now; {item?.updatedBy} saved it last.</p>
      </ConfirmDialog>
    </>
  );
}
