import type { DriverDocument } from '../../shared/api/system.ts';
import type { RuntimeName } from '../../shared/version-config.ts';
import { Field, Input, Select, TextArea } from '../ui/field.tsx';
import { formatMs } from '../util/format.ts';
import { AccessFields } from './access-fields.tsx';
import type { SettingsDraft, SettingsErrors } from './draft.ts';
import { EgressField } from './egress-field.tsx';
import { LevelCosts } from './level-costs.tsx';
import { RateLimitFields } from './rate-limit-fields.tsx';
import { SecretPicker } from './secret-picker.tsx';

export interface SettingsFieldsProps {
  readonly draft: SettingsDraft;
  readonly errors: SettingsErrors;
  readonly drivers: readonly DriverDocument[];
  /** An image has no handler, and runs in containers alone. */
  readonly runtime: RuntimeName;
  readonly onChange: (draft: SettingsDraft) => void;
}

const numberFields = [
  { key: 'timeoutMs', label: 'Timeout (ms)', hint: 'Up to 900000' },
  { key: 'memoryMb', label: 'Memory (MiB)', hint: 'Hard limit' },
  { key: 'cpus', label: 'CPUs', hint: 'Fractions are allowed' },
  { key: 'concurrency', label: 'Concurrency', hint: 'Calls at once in one instance' },
  { key: 'minInstances', label: 'Kept warm', hint: 'Instances that always run' },
  { key: 'maxInstances', label: 'Most instances', hint: 'Further calls wait' },
  { key: 'reservedConcurrency', label: 'Reserved places', hint: 'Of the host, for this function alone' },
  { key: 'idleTimeoutMs', label: 'Kept idle (ms)', hint: 'Empty: decided from when it is called' },
] as const;

const batchFields = [
  { key: 'batchMaxSize', label: 'Most calls', hint: '1: no batches' },
  { key: 'batchWindowMs', label: 'Window (ms)', hint: 'Longest wait for more; none while idle' },
  { key: 'batchMaxBytes', label: 'Most bytes', hint: 'Of the bodies of one batch' },
] as const;

const retryFields = [
  { key: 'retryMaxAttempts', label: 'Attempts', hint: 'The first included; 1: no retry' },
  { key: 'retryMaxAgeMs', label: 'Maximum age (ms)', hint: 'No attempt after this age' },
  { key: 'retryMinBackoffMs', label: 'First wait (ms)', hint: 'Doubles each time, with jitter' },
  { key: 'retryMaxBackoffMs', label: 'Longest wait (ms)', hint: 'Between two attempts' },
] as const;

const levelNames: Readonly<Record<DriverDocument['isolation'], string>> = {
  none: 'no isolation',
  process: 'sandboxed process',
  container: 'container',
  microvm: 'microVM',
  unikernel: 'unikernel',
};

/** Levels that this host cannot give are shown, but cannot be chosen; the reason and the fix stand below. */
function IsolationField({ draft, drivers, onChange }: Pick<SettingsFieldsProps, 'draft' | 'drivers' | 'onChange'>) {
  const defaultDriver = drivers.find((driver) => driver.isDefault);
  const missing = drivers.filter((driver) => driver.status !== 'healthy' && driver.name !== 'fake');
  const options = [
    { value: '', label: `Default${defaultDriver === undefined ? '' : ` (${defaultDriver.name})`}` },
    ...drivers.map((driver) => ({
      value: driver.name,
      label: `${driver.name}: ${levelNames[driver.isolation]}${driver.status === 'healthy' ? '' : ' (not available here)'}`,
      isDisabled: driver.status !== 'healthy',
    })),
  ];
  return (
    <div className="flex flex-col gap-1.5">
      <Field label="Isolation" hint="How the code is kept apart from the host and from other functions">
        {(control) => (
          <Select
            {...control}
            options={options}
            value={draft.isolation}
            onChange={(event) => {
              const name = drivers.find((driver) => driver.name === event.target.value)?.name;
              onChange({ ...draft, isolation: name ?? '' });
            }}
          />
        )}
      </Field>
      <LevelCosts drivers={drivers} />
      {missing.length > 0 && (
        <details className="text-xs text-muted">
          <summary className="min-h-6 leading-6">
            Why {missing.length} {missing.length === 1 ? 'level is' : 'levels are'} not available
          </summary>
          <ul className="mt-1 flex flex-col gap-1">
            {missing.map((driver) => (
              <li key={driver.name}>
                <strong className="font-medium text-text">{driver.name}</strong>: {driver.reason ?? 'not found'}
                {driver.fix !== null && <> Fix: {driver.fix}</>}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

interface NumberFieldsProps extends Pick<SettingsFieldsProps, 'draft' | 'errors' | 'onChange'> {
  readonly fields: typeof numberFields | typeof batchFields | typeof retryFields;
}

/** A minute and more in milliseconds is hard to read. */
function inWords(key: string, text: string): string {
  const value = Number(text);
  return key.endsWith('Ms') && value >= 60_000 ? ` (${formatMs(value)})` : '';
}

function NumberFields({ fields, draft, errors, onChange }: NumberFieldsProps) {
  return (
    <div className="grid grid-cols-2 gap-3">
      {fields.map(({ key, label, hint }) => (
        <Field key={key} label={label} hint={hint + inWords(key, draft[key])} error={errors[key]}>
          {(control) => (
            <Input
              {...control}
              inputMode="decimal"
              className="tabular"
              value={draft[key]}
              onChange={(event) => onChange({ ...draft, [key]: event.target.value })}
            />
          )}
        </Field>
      ))}
    </div>
  );
}

/** Which headers tell calls apart is kept when a version says so, and chosen with the API. */
function SingleFlightField({ draft, onChange }: Pick<SettingsFieldsProps, 'draft' | 'onChange'>) {
  const { singleFlight } = draft;
  const hasHeaders = typeof singleFlight === 'object';
  const options = [
    { value: 'off', label: 'Each runs' },
    { value: 'on', label: 'Share one invocation' },
    ...(hasHeaders ? [{ value: 'headers', label: 'Share one, by chosen headers' }] : []),
  ];
  return (
    <Field label="The same GET at the same time" hint="Share only what is the same for everybody who asks the same">
      {(control) => (
        <Select
          {...control}
          options={options}
          value={hasHeaders ? 'headers' : singleFlight ? 'on' : 'off'}
          onChange={(event) => {
            if (event.target.value !== 'headers') onChange({ ...draft, singleFlight: event.target.value === 'on' });
          }}
        />
      )}
    </Field>
  );
}

const levelsWithSnapshots: readonly string[] = ['qemu', 'firecracker'];

/** Only where it means something: other levels load the version at every start anyway. */
function SnapshotsField({ draft, onChange }: Pick<SettingsFieldsProps, 'draft' | 'onChange'>) {
  if (!levelsWithSnapshots.includes(draft.isolation)) return null;
  const options = [
    { value: 'on', label: 'Copies of a loaded microVM' },
    { value: 'off', label: 'Load the code each time' },
  ];
  return (
    <Field label="New instances" hint="Copies share what the code drew, opened or read while it was loaded">
      {(control) => (
        <Select
          {...control}
          options={options}
          value={draft.snapshots ? 'on' : 'off'}
          onChange={(event) => onChange({ ...draft, snapshots: event.target.value === 'on' })}
        />
      )}
    </Field>
  );
}

const handlerHints: Readonly<Record<Exclude<RuntimeName, 'image'>, string>> = {
  nodejs: 'file.export',
  python: 'file.function',
  custom: 'What bootstrap finds in _HANDLER',
};

/** The settings of a version, for a new function and for a new version. */
export function SettingsFields({ draft, errors, drivers, runtime, onChange }: SettingsFieldsProps) {
  return (
    <div className="flex flex-col gap-4">
      {runtime !== 'image' && (
        <Field label="Handler" hint={handlerHints[runtime]} error={errors.handler}>
          {(control) => (
            <Input
              {...control}
              className="font-mono"
              value={draft.handler}
              onChange={(event) => onChange({ ...draft, handler: event.target.value })}
            />
          )}
        </Field>
      )}
      {runtime !== 'image' && <IsolationField draft={draft} drivers={drivers} onChange={onChange} />}
      <NumberFields fields={numberFields} draft={draft} errors={errors} onChange={onChange} />
      <fieldset className="min-w-0">
        <legend className="mb-2 text-sm font-medium">Batches of waiting calls</legend>
        <NumberFields fields={batchFields} draft={draft} errors={errors} onChange={onChange} />
      </fieldset>
      <fieldset className="min-w-0">
        <legend className="mb-2 text-sm font-medium">Retries of asynchronous and scheduled calls</legend>
        <NumberFields fields={retryFields} draft={draft} errors={errors} onChange={onChange} />
      </fieldset>
      <AccessFields draft={draft} errors={errors} onChange={(change) => onChange({ ...draft, ...change })} />
      <RateLimitFields
        limits={draft.rateLimits}
        hasAuth={draft.auth !== 'public'}
        onChange={(rateLimits) => onChange({ ...draft, rateLimits })}
      />
      <SnapshotsField draft={draft} onChange={onChange} />
      <SingleFlightField draft={draft} onChange={onChange} />
      <EgressField draft={draft} error={errors.egressHosts} onChange={onChange} />
      <Field label="Environment" hint="NAME=value, one a line; a .env file can be pasted" error={errors.env}>
        {(control) => (
          <TextArea
            {...control}
            rows={4}
            className="font-mono"
            value={draft.env}
            onChange={(event) => onChange({ ...draft, env: event.target.value })}
          />
        )}
      </Field>
      <Field
        label="Schema of the event"
        hint="JSON Schema; the test has a form for it. Empty: none. Calls are not checked."
        error={errors.inputSchema}
      >
        {(control) => (
          <TextArea
            {...control}
            rows={draft.inputSchema === '' ? 2 : 8}
            className="font-mono"
            value={draft.inputSchema}
            onChange={(event) => onChange({ ...draft, inputSchema: event.target.value })}
          />
        )}
      </Field>
      <SecretPicker
        chosen={draft.secrets}
        error={errors.secrets}
        onChange={(secrets) => onChange({ ...draft, secrets })}
      />
    </div>
  );
}
