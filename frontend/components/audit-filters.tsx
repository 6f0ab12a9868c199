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
  const times = rangeId === '' ? {} : range.fixed === undefined ? { spanMs: range.spanMs } : { range };
  return {
    /** The key of what is asked for: the same until the address changes. */
    key: { ...chosen, range: rangeId },
    isFiltered: Object.keys(chosen).length > 0 || rangeId !== '',
    /** As the platform is asked at this time. */
    at: (now: number): Partial<Record<keyof AuditFilter, string>> => {
      if (times.spanMs !== undefined) return { ...chosen, from: new Date(now - times.spanMs).toISOString() };
      return times.range === undefined ? chosen : { ...chosen, ...windowOf(times.range, now) };
    },
    set: (key: AuditKey, value: string) => values[key][1](value),
  };
}

const options = (all: string, values: readonly string[]) => [
  { value: '', label: all },
  ...values.map((value) => ({ value, label: value })),
];

/** Who, what, on what, whether it was done, and when; all in the address. */
export function AuditFilters() {
  const [action, setAction] = useUrlValue('action');
  const [resource, setResource] = useUrlValue('resource');
  const [outcome, setOutcome] = useUrlValue('outcome');
  const actions = auditActions.filter((known) => resource === '' || known.startsWith(`${resource}.`));
  return (
    <>
      <AddressInput name="actor" label="Who, by name or id" placeholder="Who" className="w-36!" />
      <Select
        aria-label="Kind of thing"
        options={options('All kinds', auditResources)}
        value={resource}
        onChange={(event) => setResource(event.target.value)}
      />
      <Select
        aria-label="Action"
        options={options(
          'All actions',
          action === '' || actions.some((known) => known === action) ? actions : [...actions, action],
        )}
        value={action}
        onChange={(event) => setAction(event.target.value)}
      />
      <AddressInput name="target" label="What it was done to, by name or id" placeholder="To" className="w-40!" />
      <Select
        aria-label="Outcome"
        options={options('Done or refused', auditOutcomes)}
        value={outcome}
        onChange={(event) => setOutcome(event.target.value)}
      />
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
