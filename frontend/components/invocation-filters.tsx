import { useEffect, useState } from 'react';
import { invocationStatuses, triggerKinds } from '../../shared/invocation.ts';
import { Input, Select } from '../ui/field.tsx';
import { useUrlValue } from '../util/hooks.ts';
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

const typingMs = 250;

/** Text that is in the address once nothing was typed for a moment. */
function AddressInput({
  name,
  label,
  placeholder,
  className,
  inputMode,
}: {
  readonly name: string;
  readonly label: string;
  readonly placeholder: string;
  readonly className: string;
  readonly inputMode?: 'numeric';
}) {
  const [value, setValue] = useUrlValue(name);
  const [typed, setTyped] = useState(value);
  const [seen, setSeen] = useState(value);
  if (seen !== value) {
    // The address was changed elsewhere; what is typed may only have a space more at its end.
    setSeen(value);
    if (typed.trim() !== value) setTyped(value);
  }
  useEffect(() => {
    const text = typed.trim();
    if (text === value) return;
    const timer = setTimeout(() => setValue(text), typingMs);
    return () => clearTimeout(timer);
  }, [typed, value, setValue]);
  return (
    <Input
      type="search"
      inputMode={inputMode}
      aria-label={label}
      placeholder={placeholder}
      className={className}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
    />
  );
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
