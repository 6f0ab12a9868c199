import { Field, Input } from '../ui/field.tsx';

const shortest = 10;

/** Why it cannot be a password, or undefined. The platform knows more rules, and says them. */
export const passwordProblem = (password: string): string | undefined =>
  password.length < shortest ? `The password needs ${shortest} characters` : undefined;

/** A new password: without more words, one that somebody gives to somebody else. */
export function PasswordField({
  label = 'Password',
  more = '; the user can change it later',
  value,
  onChange,
  isFirst,
}: {
  readonly label?: string;
  /** Of the hint. */
  readonly more?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** Has the focus when it appears. */
  readonly isFirst?: boolean;
}) {
  return (
    <Field label={label} hint={`At least ${shortest} characters${more}.`}>
      {(control) => (
        <Input
          {...control}
          type="password"
          autoComplete="new-password"
          autoFocus={isFirst === true}
          maxLength={256}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
