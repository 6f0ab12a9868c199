import { Save, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Button, IconButton } from '../ui/button.tsx';
import { Input, Select } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
import { deleteEvent, savedEvents, saveError, saveEvent } from '../util/saved-events.ts';

export interface SavedEventsProps {
  readonly functionName: string;
  /** The event as it is in the editor; JSON text. */
  readonly event: string;
  readonly onChoose: (event: string) => void;
}

/** Events with names, to test with them again: choose, save, delete. */
export function SavedEvents({ functionName, event, onChoose }: SavedEventsProps) {
  const [saved, setSaved] = useState(() => savedEvents(localStorage, functionName));
  const [chosen, setChosen] = useState('');
  /** Undefined while nobody is giving a name. */
  const [name, setName] = useState<string | undefined>();
  const renew = () => setSaved(savedEvents(localStorage, functionName));
  if (name !== undefined) {
    const reason = saveError(saved, name, event);
    return (
      <form
        className="flex flex-wrap items-center gap-2"
        onSubmit={(submitted) => {
          submitted.preventDefault();
          if (reason !== undefined) return;
          if (saveEvent(localStorage, functionName, { name, event })) {
            setChosen(name.trim());
            setName(undefined);
            renew();
          } else toast.failed('Not saved', new Error('this browser has no room left for it'));
        }}
      >
        <Input
          autoFocus
          aria-label="Name of the event"
          placeholder="Name, for this browser"
          className="min-w-32 max-w-56 grow"
          value={name}
          onChange={(change) => setName(change.target.value)}
        />
        <Button type="submit" size="small" tone="primary" disabledReason={reason}>
          Save
        </Button>
        <Button size="small" onClick={() => setName(undefined)}>
          Cancel
        </Button>
      </form>
    );
  }
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      <Select
        aria-label="Saved events"
        className="min-w-32 max-w-56 grow"
        value={saved.some((item) => item.name === chosen) ? chosen : ''}
        options={[
          { value: '', label: saved.length === 0 ? 'No saved events' : 'Saved events' },
          ...saved.map((item) => ({ value: item.name, label: item.name })),
        ]}
        onChange={(change) => {
          setChosen(change.target.value);
          const found = saved.find((item) => item.name === change.target.value);
          if (found !== undefined) onChoose(found.event);
        }}
      />
      <IconButton label="Save this event" onClick={() => setName(chosen)}>
        <Save className="size-4" aria-hidden="true" />
      </IconButton>
      {chosen !== '' && (
        <IconButton
          label={`Delete the saved event ${chosen}`}
          onClick={() => {
            deleteEvent(localStorage, functionName, chosen);
            setChosen('');
            renew();
          }}
        >
          <Trash2 className="size-4" aria-hidden="true" />
        </IconButton>
      )}
    </div>
  );
}
