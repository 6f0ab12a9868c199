import { Plus, Trash2 } from 'lucide-react';
import { provisionedWindowSchema, weekdays } from '../../shared/provisioned-windows.ts';
import { Button, IconButton } from '../ui/button.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { Field, Input } from '../ui/field.tsx';
import { useNow } from '../util/hooks.ts';
import { nextWindow } from '../util/window-times.ts';
import { TimeZoneInput } from './time-zone-input.tsx';
import {
  checkWindows,
  emptyWindow,
  maxWindows,
  type WindowDraft,
  type WindowErrors,
  windowOf,
} from './window-draft.ts';

export interface WindowFieldsProps {
  readonly windows: readonly WindowDraft[];
  readonly error: string | undefined;
  readonly onChange: (windows: readonly WindowDraft[]) => void;
}

const dayNames = { sun: 'Sun', mon: 'Mon', tue: 'Tue', wed: 'Wed', thu: 'Thu', fri: 'Fri', sat: 'Sat' } as const;

function Days({ window, error, onChange }: DaysProps) {
  const toggle = (day: (typeof weekdays)[number]) =>
    onChange({
      days: window.days.includes(day) ? window.days.filter((other) => other !== day) : [...window.days, day],
    });
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1 text-sm font-medium">Days on which it begins</legend>
      <div className="flex flex-wrap gap-x-3">
        {weekdays.map((day) => (
          <label key={day} className="flex min-h-6 items-center gap-1.5 text-sm">
            <input type="checkbox" checked={window.days.includes(day)} onChange={() => toggle(day)} />
            {dayNames[day]}
          </label>
        ))}
      </div>
      {error !== undefined && <p className="text-xs text-danger">{error}</p>}
    </fieldset>
  );
}

interface DaysProps {
  readonly window: WindowDraft;
  readonly error: string | undefined;
  readonly onChange: (change: Partial<WindowDraft>) => void;
}

/** When a right window is open next, on the chosen clock. */
function NextTimes({ window }: { readonly window: WindowDraft }) {
  const now = useNow(30_000);
  const parsed = provisionedWindowSchema.safeParse(windowOf(window)).data;
  const next = parsed && nextWindow(parsed, now);
  if (next === undefined) return null;
  const to = <DateTime at={new Date(next.to).toISOString()} as="minute" />;
  if (next.from <= now) return <p className="tabular text-xs text-muted">Open now, until {to}</p>;
  return (
    <p className="tabular text-xs text-muted">
      Next: <DateTime at={new Date(next.from).toISOString()} as="minute" /> to {to}
    </p>
  );
}

function Window({ number, window, errors, onChange, onRemove }: WindowProps) {
  const time = (key: 'from' | 'to', label: string) => (
    <Field label={label} error={errors[key]}>
      {(control) => (
        <Input
          {...control}
          type="time"
          value={window[key]}
          onChange={(event) => onChange({ [key]: event.target.value })}
        />
      )}
    </Field>
  );
  return (
    <fieldset className="flex min-w-0 flex-col gap-2 border-l-2 border-line pl-3">
      <legend className="sr-only">Window {number}</legend>
      <div className="grid grid-cols-2 gap-3 @2xl:grid-cols-[7rem_8rem_8rem_1fr_auto]">
        <Field label="Instances" error={errors.minInstances}>
          {(control) => (
            <Input
              {...control}
              inputMode="numeric"
              className="tabular"
              value={window.minInstances}
              onChange={(event) => onChange({ minInstances: event.target.value })}
            />
          )}
        </Field>
        {time('from', 'From')}
        {time('to', 'To')}
        <Field label="Time zone" error={errors.timeZone}>
          {(control) => (
            <TimeZoneInput {...control} value={window.timeZone} onChange={(timeZone) => onChange({ timeZone })} />
          )}
        </Field>
        <IconButton label={`Remove window ${number}`} className="mt-6" onClick={onRemove}>
          <Trash2 className="size-4" aria-hidden="true" />
        </IconButton>
      </div>
      <Days window={window} error={errors.days} onChange={onChange} />
      <NextTimes window={window} />
    </fieldset>
  );
}

interface WindowProps {
  readonly number: number;
  readonly window: WindowDraft;
  readonly errors: WindowErrors;
  readonly onChange: (change: Partial<WindowDraft>) => void;
  readonly onRemove: () => void;
}

/** Hours in which more instances are kept warm, with when they are next. */
export function WindowFields({ windows, error, onChange }: WindowFieldsProps) {
  const errors = checkWindows(windows);
  const hasOwn = errors.some((one) => Object.keys(one).length > 0);
  const add = () => onChange([...windows, emptyWindow(Intl.DateTimeFormat().resolvedOptions().timeZone)]);
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1 text-sm font-medium">Hours with more kept warm</legend>
      <p className="mb-2 text-xs text-faint">
        Of windows that hold at once, and of “Kept warm”, the largest number counts; at most {maxWindows} windows
      </p>
      <div className="flex flex-col gap-4">
        {windows.map((window, index) => (
          <Window
            // biome-ignore lint/suspicious/noArrayIndexKey: a window is its place in the list
            key={index}
            number={index + 1}
            window={window}
            errors={errors[index] ?? {}}
            onChange={(change) =>
              onChange(windows.map((other, at) => (at === index ? { ...other, ...change } : other)))
            }
            onRemove={() => onChange(windows.filter((_, at) => at !== index))}
          />
        ))}
        {error !== undefined && !hasOwn && <p className="text-xs text-danger">{error}</p>}
        <div>
          <Button
            size="small"
            icon={<Plus className="size-3.5" aria-hidden="true" />}
            disabledReason={windows.length >= maxWindows ? `At most ${maxWindows} windows` : undefined}
            onClick={add}
          >
            Add hours
          </Button>
        </div>
      </div>
    </fieldset>
  );
}
