import { Plus, Trash2 } from 'lucide-react';
import { Button, IconButton } from '../ui/button.tsx';
import { Field, Input, Select } from '../ui/field.tsx';
import { checkRateLimits, emptyRateLimit, maxRateLimits, type RateLimitDraft } from './rate-limit-draft.ts';

export interface RateLimitFieldsProps {
  readonly limits: readonly RateLimitDraft[];
  readonly hasAuth: boolean;
  readonly onChange: (limits: readonly RateLimitDraft[]) => void;
}

const subjects: readonly { readonly value: RateLimitDraft['by']; readonly label: string }[] = [
  { value: 'address', label: 'Each address' },
  { value: 'caller', label: 'Each caller' },
  { value: 'function', label: 'All calls together' },
];

/** How often the function may be called through the gateway. */
export function RateLimitFields({ limits, hasAuth, onChange }: RateLimitFieldsProps) {
  const errors = checkRateLimits(limits, hasAuth);
  const change = (index: number, part: Partial<RateLimitDraft>) =>
    onChange(limits.map((limit, at) => (at === index ? { ...limit, ...part } : limit)));
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1 text-sm font-medium">Rate limits of the gateway</legend>
      <p className="mb-2 text-xs text-faint">
        A window's worth may come at once, and refills evenly; more is answered with 429
      </p>
      <div className="flex flex-col gap-3">
        {limits.map((limit, index) => (
          <fieldset
            // biome-ignore lint/suspicious/noArrayIndexKey: a limit is its place in the list
            key={index}
            className="grid min-w-0 grid-cols-2 gap-3 border-l-2 border-line pl-3 sm:grid-cols-[1.4fr_1fr_1fr_auto]"
          >
            <legend className="sr-only">Rate limit {index + 1}</legend>
            <Field label="Counted for" error={errors[index]?.by} className="col-span-2 sm:col-span-1">
              {(control) => (
                <Select
                  {...control}
                  options={subjects}
                  value={limit.by}
                  onChange={(event) => {
                    const chosen = subjects.find(({ value }) => value === event.target.value);
                    change(index, { by: chosen?.value ?? limit.by });
                  }}
                />
              )}
            </Field>
            <Field label="Requests" error={errors[index]?.requests}>
              {(control) => (
                <Input
                  {...control}
                  inputMode="numeric"
                  className="tabular"
                  value={limit.requests}
                  onChange={(event) => change(index, { requests: event.target.value })}
                />
              )}
            </Field>
            <Field label="In (s)" error={errors[index]?.windowSeconds}>
              {(control) => (
                <Input
                  {...control}
                  inputMode="numeric"
                  className="tabular"
                  value={limit.windowSeconds}
                  onChange={(event) => change(index, { windowSeconds: event.target.value })}
                />
              )}
            </Field>
            <IconButton
              label={`Remove rate limit ${index + 1}`}
              className="mt-6"
              onClick={() => onChange(limits.filter((_, at) => at !== index))}
            >
              <Trash2 className="size-4" aria-hidden="true" />
            </IconButton>
          </fieldset>
        ))}
        <div>
          <Button
            size="small"
            icon={<Plus className="size-3.5" aria-hidden="true" />}
            disabledReason={limits.length >= maxRateLimits ? `At most ${maxRateLimits} limits` : undefined}
            onClick={() => onChange([...limits, { ...emptyRateLimit, by: freeSubject(limits) }])}
          >
            Add a rate limit
          </Button>
        </div>
      </div>
    </fieldset>
  );
}

/** What has no limit yet, so that a new one is not refused at once. */
function freeSubject(limits: readonly RateLimitDraft[]): RateLimitDraft['by'] {
  const isFree = (by: RateLimitDraft['by']) => !limits.some((limit) => limit.by === by);
  return isFree('address') ? 'address' : isFree('function') ? 'function' : 'address';
}
