import { useState } from 'react';
import type { Schedule, ScheduleInput } from '../../shared/api/functions.ts';
import { processServerError } from '../api/server-error.ts';
import { PermittedButton } from '../components/permitted-button.tsx';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Field, Input, Select, TextArea } from '../ui/field.tsx';
import { cronWords } from '../util/cron-words.ts';
import {
  checkSchedule,
  emptySchedule,
  type ScheduleDraft,
  type ScheduleErrors,
  scheduleDraftOf,
  scheduleInputOf,
} from './schedule-draft.ts';
import { TimeZoneInput } from './time-zone-input.tsx';

export interface ScheduleFormProps {
  readonly isBusy: boolean;
  /** The schedule that is changed; undefined: a new one. */
  readonly schedule?: Schedule;
  /** Names of the other schedules. */
  readonly taken: readonly string[];
  /** Which of the function's aliases may run. */
  readonly aliases: readonly string[];
  /** Why the last attempt was refused. */
  readonly error: unknown;
  readonly onSave: (schedule: ScheduleInput, onDone: () => void) => void;
  readonly onCancel?: () => void;
}

const misfires: readonly { readonly value: Schedule['misfire']; readonly label: string }[] = [
  { value: 'run-once', label: 'Run once' },
  { value: 'skip', label: 'Skip what was missed' },
];

const browserZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

interface PartProps {
  readonly draft: ScheduleDraft;
  readonly errors: ScheduleErrors;
  readonly onChange: (change: Partial<ScheduleDraft>) => void;
}

function When({ draft, errors, onChange, isNew }: PartProps & { readonly isNew: boolean }) {
  return (
    <div className="grid grid-cols-1 gap-3 sm:grid-cols-3">
      <Field label="Name" error={draft.name === '' ? undefined : errors.name}>
        {(control) => (
          <Input
            {...control}
            autoFocus={!isNew}
            placeholder="nightly"
            value={draft.name}
            onChange={(event) => onChange({ name: event.target.value })}
          />
        )}
      </Field>
      <Field label="Cron" hint={cronWords(draft.cron)} error={draft.cron === '' ? undefined : errors.cron}>
        {(control) => (
          <Input
            {...control}
            className="font-mono"
            placeholder="0 3 * * *"
            value={draft.cron}
            onChange={(event) => onChange({ cron: event.target.value })}
          />
        )}
      </Field>
      <Field label="Time zone">
        {(control) => (
          <TimeZoneInput {...control} value={draft.timeZone} onChange={(timeZone) => onChange({ timeZone })} />
        )}
      </Field>
    </div>
  );
}

function What({ draft, errors, onChange, aliases }: PartProps & { readonly aliases: readonly string[] }) {
  const names = [...new Set(['live', ...aliases, draft.alias])];
  return (
    <>
      <Field label="Payload" hint="JSON, given to the function as it is written; empty: null" error={errors.payload}>
        {(control) => (
          <TextArea
            {...control}
            rows={draft.payload === '' ? 2 : 5}
            className="font-mono"
            value={draft.payload}
            onChange={(event) => onChange({ payload: event.target.value })}
          />
        )}
      </Field>
      <div className="grid grid-cols-1 gap-3 sm:grid-cols-3">
        <Field label="After downtime" hint="Of runs that were missed while the platform was down">
          {(control) => (
            <Select
              {...control}
              value={draft.misfire}
              options={misfires}
              onChange={(event) => onChange({ misfire: event.target.value === 'skip' ? 'skip' : 'run-once' })}
            />
          )}
        </Field>
        <Field label="Runs" hint="The version behind this alias">
          {(control) => (
            <Select
              {...control}
              value={draft.alias}
              options={names.map((value) => ({ value, label: value }))}
              onChange={(event) => onChange({ alias: event.target.value })}
            />
          )}
        </Field>
      </div>
    </>
  );
}

/** Adds a schedule, or changes one. What the platform refuses, such as a time that never comes, stands below. */
export function ScheduleForm({ isBusy, schedule, taken, aliases, error, onSave, onCancel }: ScheduleFormProps) {
  const [draft, setDraft] = useState(() =>
    schedule === undefined ? emptySchedule(browserZone()) : scheduleDraftOf(schedule),
  );
  const errors = checkSchedule(draft, taken);
  const isNew = schedule === undefined;
  const isEmpty = draft.name === '';
  const reason = isEmpty ? 'Give it a name' : Object.values(errors)[0];
  const change = (part: Partial<ScheduleDraft>) => setDraft((before) => ({ ...before, ...part }));
  const parts = { draft, errors, onChange: change };
  return (
    <form
      aria-label={isNew ? 'New schedule' : `Schedule ${schedule.name}`}
      className="mt-3 flex flex-col gap-3 border-t border-line pt-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason === undefined && !isBusy)
          onSave(scheduleInputOf(draft), () => setDraft(emptySchedule(draft.timeZone)));
      }}
    >
      <When {...parts} isNew={isNew} />
      {isNew ? (
        <details>
          <summary className="min-h-6 text-sm text-muted">Payload, downtime and alias</summary>
          <div className="mt-2 flex flex-col gap-3">
            <What {...parts} aliases={aliases} />
          </div>
        </details>
      ) : (
        <What {...parts} aliases={aliases} />
      )}
      {error !== null && error !== undefined && <ErrorCallout error={processServerError(error)} />}
      <div className="flex flex-wrap gap-2">
        <PermittedButton operation="updateFunction" type="submit" isBusy={isBusy} disabledReason={reason}>
          {isNew ? 'Add schedule' : 'Save schedule'}
        </PermittedButton>
        {onCancel !== undefined && <Button onClick={onCancel}>Cancel</Button>}
      </div>
    </form>
  );
}
