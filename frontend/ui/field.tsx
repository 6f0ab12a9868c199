import { type ComponentProps, type ReactNode, useId } from 'react';
import { classes } from './classes.ts';

const box =
  'rounded-md border border-control bg-surface px-2.5 text-sm text-text aria-invalid:border-danger disabled:opacity-60';

export function Input(props: ComponentProps<'input'>) {
  return (
    <input autoComplete="off" spellCheck={false} {...props} className={classes(box, 'h-8 w-full', props.className)} />
  );
}

export function TextArea(props: ComponentProps<'textarea'>) {
  return <textarea spellCheck={false} {...props} className={classes(box, 'w-full py-1.5', props.className)} />;
}

export interface SelectOption {
  readonly value: string;
  readonly label: string;
  readonly isDisabled?: boolean;
}

/** The browser's own select: accessible everywhere, and at home on a phone. */
export function Select({ options, ...rest }: { readonly options: readonly SelectOption[] } & ComponentProps<'select'>) {
  return (
    <select {...rest} className={classes(box, 'h-8 pr-1.5', rest.className)}>
      {options.map((option) => (
        <option key={option.value} value={option.value} disabled={option.isDisabled}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

export interface FieldProps {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  /** Gets the id and the descriptions of the control. */
  readonly children: (control: {
    readonly id: string;
    readonly 'aria-describedby': string | undefined;
    readonly 'aria-invalid': true | undefined;
  }) => ReactNode;
  readonly className?: string;
}

/** A labelled control with a hint or an error below it. */
export function Field({ label, hint, error, children, className }: FieldProps) {
  const id = useId();
  const noteId = `${id}-note`;
  const hasNote = error !== undefined || hint !== undefined;
  return (
    <div className={classes('flex min-w-0 flex-col gap-1', className)}>
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      {children({
        id,
        'aria-describedby': hasNote ? noteId : undefined,
        'aria-invalid': error === undefined ? undefined : true,
      })}
      {hasNote && (
        <p id={noteId} className={classes('text-xs', error === undefined ? 'text-faint' : 'text-danger')}>
          {error ?? hint}
        </p>
      )}
    </div>
  );
}
