import type { DriverDocument } from '../../shared/api/system.ts';
import { Field, Select } from '../ui/field.tsx';
import type { SettingsDraft } from './draft.ts';
import { LevelCosts } from './level-costs.tsx';

interface IsolationFieldsProps {
  readonly draft: SettingsDraft;
  readonly drivers: readonly DriverDocument[];
  readonly error: string | undefined;
  readonly onChange: (change: Partial<SettingsDraft>) => void;
}

const levelNames: Readonly<Record<DriverDocument['isolation'], string>> = {
  none: 'no isolation',
  process: 'sandboxed process',
  container: 'container',
  microvm: 'microVM',
  unikernel: 'unikernel',
};

/** Levels that this host cannot give are shown, but cannot be chosen; the reason and the fix stand below. */
function LevelField({ draft, drivers, error, onChange }: IsolationFieldsProps) {
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
      <Field label="Isolation" hint="How the code is kept apart from the host and from other functions" error={error}>
        {(control) => (
          <Select
            {...control}
            options={options}
            value={draft.isolation}
            onChange={(event) => {
              const name = drivers.find((driver) => driver.name === event.target.value)?.name;
              onChange({ isolation: name ?? '' });
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

const levelsWithSnapshots: readonly string[] = ['qemu', 'firecracker'];

/** Only where it means something: other levels load the version at every start anyway. */
function SnapshotsField({ draft, onChange }: Pick<IsolationFieldsProps, 'draft' | 'onChange'>) {
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
          onChange={(event) => onChange({ snapshots: event.target.value === 'on' })}
        />
      )}
    </Field>
  );
}

/** At which level the code runs, and how new instances come about there. */
export function IsolationFields(props: IsolationFieldsProps) {
  return (
    <>
      <LevelField {...props} />
      <SnapshotsField draft={props.draft} onChange={props.onChange} />
    </>
  );
}
