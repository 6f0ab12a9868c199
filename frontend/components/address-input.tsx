import { useEffect, useState } from 'react';
import { Input } from '../ui/field.tsx';
import { useUrlValue } from '../util/hooks.ts';

const typingMs = 250;

/** Text that is in the address once nothing was typed for a moment. */
export function AddressInput({
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
