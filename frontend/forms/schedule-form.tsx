import { useState } from 'react';
import type { ScheduleInput } from '../../shared/api/functions.ts';
import { PermittedButton } from '../components/permitted-button.tsx';
import { Field, Input } from '../ui/field.tsx';
import { cronWords } from '../util/cron-words.ts';
import { nameError } from './names.ts';

export interface ScheduleFormProps {
  readonly isBusy: boolean;
  readonly taken: readonly string[];
  /** Resolves with whether it was saved. */
  readonly onAdd: (schedule: ScheduleInput) => Promise<boolean>;
}

export function ScheduleForm({ isBusy, taken, onAdd }: ScheduleFormProps) {
  const [name, setName] = useState('');
  const [cron, setCron] = useState('');
  const [timeZone, setTimeZone] = useState(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
  const problem =
    (name === '' ? 'Give it a name' : nameError(name)) ??
    (taken.includes(name) ? 'There is a schedule of this name' : undefined);
  const reason = problem ?? (cron.trim().length < 6 ? 'Give it a cron expression' : undefined);
  const words = cronWords(cron);
  const submit = async () => {
    if (await onAdd({ name, cron: cron.trim(), timeZone })) {
      setName('');
      setCron('');
    }
  };
  return (
    <form
      className="mt-3 flex flex-wrap items-end gap-2 border-t border-line pt-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason === undefined) submit().catch(() => undefined);
      }}
    >
      <Field label="Name" className="w-32 grow" error={name === '' ? undefined : problem}>
        {(control) => (
          <Input {...control} placeholder="nightly" value={name} onChange={(event) => setName(event.target.value)} />
        )}
      </Field>
      <Field label="Cron" className="w-32 grow">
        {(control) => (
          <Input
            {...control}
            className="font-mono"
            placeholder="0 3 * * *"
            value={cron}
            onChange={(event) => setCron(event.target.value)}
          />
        )}
      </Field>
      <Field label="Time zone" className="w-36">
        {(control) => <Input {...control} value={timeZone} onChange={(event) => setTimeZone(event.target.value)} />}
      </Field>
      <PermittedButton operation="updateFunction" type="submit" isBusy={isBusy} disabledReason={reason}>
        Add schedule
      </PermittedButton>
      {words !== undefined && <p className="tabular w-full text-xs text-muted">{words}</p>}
    </form>
  );
}
