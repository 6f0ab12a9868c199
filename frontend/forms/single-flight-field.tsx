import { Field, Input, Select } from '../ui/field.tsx';
import type { SettingsDraft } from './draft.ts';

interface SingleFlightFieldProps {
  readonly draft: SettingsDraft;
  readonly error: string | undefined;
  readonly onChange: (change: Partial<SettingsDraft>) => void;
}

const choices: readonly { readonly value: SettingsDraft['singleFlight']; readonly label: string }[] = [
  { value: 'off', label: 'Each runs' },
  { value: 'on', label: 'Share one invocation' },
  { value: 'headers', label: 'Share one, by chosen headers' },
];

/** Whether calls that ask the same share one invocation, and what tells them apart. */
export function SingleFlightField({ draft, error, onChange }: SingleFlightFieldProps) {
  return (
    <>
      <Field label="The same GET at the same time" hint="Share only what is the same for everybody who asks the same">
        {(control) => (
          <Select
            {...control}
            options={choices}
            value={draft.singleFlight}
            onChange={(event) => {
              const chosen = choices.find(({ value }) => value === event.target.value);
              onChange({ singleFlight: chosen?.value ?? draft.singleFlight });
            }}
          />
        )}
      </Field>
      {draft.singleFlight === 'headers' && (
        <Field
          label="Headers that tell calls apart"
          hint="Separated by commas, beside Authorization, Cookie, Range and the like, which always do"
          error={error}
        >
          {(control) => (
            <Input
              {...control}
              className="font-mono"
              placeholder="accept-language"
              value={draft.singleFlightHeaders}
              onChange={(event) => onChange({ singleFlightHeaders: event.target.value })}
            />
          )}
        </Field>
      )}
    </>
  );
}
