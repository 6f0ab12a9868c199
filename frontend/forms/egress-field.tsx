import { Field, Select, TextArea } from '../ui/field.tsx';
import type { SettingsDraft } from './draft.ts';
import type { EgressChoice } from './egress-text.ts';

interface EgressFieldProps {
  readonly draft: SettingsDraft;
  readonly error: string | undefined;
  /** Why nothing but `all` can be chosen here, if that is so. */
  readonly unenforced: string | undefined;
  readonly onChange: (change: Partial<SettingsDraft>) => void;
}

const choices: readonly { readonly value: EgressChoice; readonly label: string }[] = [
  { value: '', label: 'Default' },
  { value: 'none', label: 'None' },
  { value: 'hosts', label: 'Only these hosts' },
  { value: 'all', label: 'All' },
];

/** What of the network the code may reach. */
export function EgressField({ draft, error, unenforced, onChange }: EgressFieldProps) {
  return (
    <>
      <Field label="Outgoing network" hint={unenforced ?? 'What the code may reach'}>
        {(control) => (
          <Select
            {...control}
            value={draft.egress}
            options={choices.map((choice) => ({
              ...choice,
              isDisabled: unenforced !== undefined && choice.value !== 'all' && choice.value !== '',
            }))}
            onChange={(event) => {
              const chosen = choices.find(({ value }) => value === event.target.value);
              onChange({ egress: chosen?.value ?? '' });
            }}
          />
        )}
      </Field>
      {draft.egress === 'hosts' && (
        <Field
          label="Hosts"
          hint='One a line: api.example.com, *.example.org, example.net:8443, or {"host": "api.example.com", "secret": "API_KEY", "prefix": "Bearer "}'
          error={error}
        >
          {(control) => (
            <TextArea
              {...control}
              rows={4}
              className="font-mono"
              value={draft.egressHosts}
              onChange={(event) => onChange({ egressHosts: event.target.value })}
            />
          )}
        </Field>
      )}
    </>
  );
}
