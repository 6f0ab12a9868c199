import { invocationStatuses, triggerKinds } from '../../shared/invocation.ts';
import { Select } from '../ui/field.tsx';
import { useUrlValue } from '../util/hooks.ts';
import { AddressInput } from './address-input.tsx';
import { statusLabels } from './status.tsx';

const statusOptions = [
  { value: '', label: 'All statuses' },
  ...invocationStatuses.map((value) => ({ value, label: statusLabels[value] })),
];
const triggerOptions = [
  { value: '', label: 'All triggers' },
  ...triggerKinds.map((value) => ({ value, label: value })),
];
const durations = [
  ['', 'Any duration'],
  ['100', 'From 100 ms'],
  ['1000', 'From 1 s'],
  ['10000', 'From 10 s'],
  ['60000', 'From 1 min'],
] as const;

/** What of the address says which invocations are shown, beside function and time. */
export function useInvocationFilter() {
  const [status] = useUrlValue('status');
  const [trigger] = useUrlValue('trigger');
  const [version] = useUrlValue('version');
  const [minDurationMs] = useUrlValue('min');
  const [search] = useUrlValue('q');
  return { status, trigger, version: /^\d{1,9}$/.test(version) ? version : '', minDurationMs, search };
}

/** Status, trigger, version, duration and text, all in the address. */
export function InvocationFilters() {
  const [status, setStatus] = useUrlValue('status');
  const [trigger, setTrigger] = useUrlValue('trigger');
  const [min, setMin] = useUrlValue('min');
  const known = durations.some(([value]) => value === min)
    ? durations
    : [...durations, [min, `From ${min} ms`] as const];
  return (
    <>
      <Select
        aria-label="Status"
        options={statusOptions}
        value={status}
        onChange={(event) => setStatus(event.target.value)}
      />
      <Select
        aria-label="Trigger"
        options={triggerOptions}
        value={trigger}
        onChange={(event) => setTrigger(event.target.value)}
      />
      <Select
        aria-label="Duration"
        options={known.map(([value, label]) => ({ value, label }))}
        value={min}
        onChange={(event) => setMin(event.target.value)}
      />
      <AddressInput name="version" label="Version" placeholder="Version" className="w-24!" inputMode="numeric" />
      <AddressInput name="q" label="Id, trace id or error" placeholder="Id, trace or error" className="w-44!" />
    </>
  );
}
