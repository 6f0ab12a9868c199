import { Field, Select } from '../ui/field.tsx';
import type { SettingsDraft, SettingsErrors } from './draft.ts';
import { NumberFields } from './number-fields.tsx';
import { captureSettings } from './number-settings.ts';

interface CaptureFieldsProps {
  readonly draft: SettingsDraft;
  readonly errors: SettingsErrors;
  readonly onChange: (change: Partial<SettingsDraft>) => void;
}

const choices: readonly { readonly value: SettingsDraft['captureRequests']; readonly label: string }[] = [
  { value: 'errors', label: 'Of calls that failed' },
  { value: 'all', label: 'Of all calls' },
  { value: 'none', label: 'None' },
];

/** Which requests of calls over HTTP are kept, and how much of them. */
export function CaptureFields({ draft, errors, onChange }: CaptureFieldsProps) {
  return (
    <>
      <Field label="Requests that are kept" hint="Without credentials, to look at and to replay">
        {(control) => (
          <Select
            {...control}
            options={choices}
            value={draft.captureRequests}
            onChange={(event) => {
              const chosen = choices.find(({ value }) => value === event.target.value);
              onChange({ captureRequests: chosen?.value ?? draft.captureRequests });
            }}
          />
        )}
      </Field>
      <NumberFields group={captureSettings} draft={draft} errors={errors} onChange={onChange} />
    </>
  );
}
