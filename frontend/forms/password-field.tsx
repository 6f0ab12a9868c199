import { Field, Input } from '../ui/field.tsx';

const shortest = 10;

/** Why it cannot be a password, or undefined. The platform knows more rules, and says them. */
export const passwordProblem = (password: string): string | undefined =>
  password.length < shortest ? `The password needs ${shortest} characters` : undefined;

/** A password that somebody gives to somebody else. */
export function PasswordField({
  value,
  onChange,
  isFirst,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** Has the focus when it appears. */
  readonly isFirst?: boolean;
}) {
  return (
    <Field label="Password" hint={`At least ${shortest} characters; the user can change it with hearth password.`}>
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
