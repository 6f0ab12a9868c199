import { type ComponentProps, useId } from 'react';
import { Input } from '../ui/field.tsx';

interface TimeZoneInputProps extends Omit<ComponentProps<'input'>, 'onChange' | 'value'> {
  readonly value: string;
  readonly onChange: (timeZone: string) => void;
}

/** All that this browser knows; UTC is not among them everywhere. */
const known = [...new Set(['UTC', ...Intl.supportedValuesOf('timeZone')])];

/** The name of a time zone, with all known ones to choose from. */
export function TimeZoneInput({ value, onChange, ...control }: TimeZoneInputProps) {
  const listId = useId();
  return (
    <>
      <Input {...control} list={listId} value={value} onChange={(event) => onChange(event.target.value)} />
      <datalist id={listId}>
        {known.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}
