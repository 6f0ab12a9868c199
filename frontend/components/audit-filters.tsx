import type { AuditFilter } from '../../shared/api/system.ts';
import { auditActions, auditOutcomes, auditResources } from '../../shared/audit-actions.ts';
import { Select } from '../ui/field.tsx';
import { useTimeRange, useUrlValue } from '../util/hooks.ts';
import { windowOf } from '../util/time-range.ts';
import { AddressInput } from './address-input.tsx';
import { RangeChoice } from './range-picker.tsx';

const keys = ['actor', 'action', 'resource', 'target', 'outcome'] as const;
export type AuditKey = (typeof keys)[number];

/** What the address says about which entries are shown, and how to change it. */
export function useAuditFilter() {
  const values = {
    actor: useUrlValue('actor'),
    action: useUrlValue('action'),
    resource: useUrlValue('resource'),
    target: useUrlValue('target'),
    outcome: useUrlValue('outcome'),
  };
  const [rangeId] = useUrlValue('range');
  const [range] = useTimeRange();
  const chosen = Object.fromEntries(keys.flatMap((key) => (values[key][0] === '' ? [] : [[key, values[key][0]]])));
  return {
    /** The key of what is asked for: the same until the address changes. */
    key: { ...chosen, range: rangeId },
    isFiltered: Object.keys(chosen).length > 0 || rangeId !== '',
    /** As the platform is asked at this time. */
    at: (now: number): Partial<Record<keyof AuditFilter, string>> => {
      if (rangeId === '') return chosen;
      if (range.fixed === undefined) return { ...chosen, from: new Date(now - range.spanMs).toISOString() };
      return { ...chosen, ...windowOf(range, now) };
    },
    set: (key: AuditKey, value: string) => values[key][1](value),
  };
}

interface FilterSelectProps {
  readonly name: AuditKey;
  readonly label: string;
  /** What it says when nothing is chosen. */
  readonly all: string;
  readonly values: readonly string[];
}

function FilterSelect({ name, label, all, values }: FilterSelectProps) {
  const [value, setValue] = useUrlValue(name);
  const options = [{ value: '', label: all }, ...values.map((each) => ({ value: each, label: each }))];
  return (
    <Select aria-label={label} options={options} value={value} onChange={(event) => setValue(event.target.value)} />
  );
}

/** Who, what, on what, whether it was done, and when; all in the address. */
export function AuditFilters() {
  const [action] = useUrlValue('action');
  const [resource] = useUrlValue('resource');
  const actions: string[] = auditActions.filter((known) => resource === '' || known.startsWith(`${resource}.`));
  // What the address asks for stands there, also where it is of another kind.
  if (action !== '' && !actions.includes(action)) actions.push(action);
  return (
    <>
      <AddressInput name="actor" label="Who, by name or id" placeholder="Who" className="w-36!" />
      <FilterSelect name="resource" label="Kind of thing" all="All kinds" values={auditResources} />
      <FilterSelect name="action" label="Action" all="All actions" values={actions} />
      <AddressInput name="target" label="What it was done to, by name or id" placeholder="To" className="w-40!" />
      <FilterSelect name="outcome" label="Outcome" all="Done or refused" values={auditOutcomes} />
      <RangeChoice or="all" />
    </>
  );
}

/** A value of an entry, which on a click shows only the entries that share it. */
export function FilterBy({ name, value }: { readonly name: AuditKey; readonly value: string }) {
  const { set } = useAuditFilter();
  return (
    <button
      type="button"
      className="min-h-6 text-left break-words hover:underline"
      title={`Only ${value}`}
      onClick={() => set(name, value)}
    >
      {value}
    </button>
  );
}
