import type { ComponentProps } from 'react';
import { type Role, roles } from '../../shared/roles.ts';
import { Select } from '../ui/field.tsx';

const texts: Readonly<Record<Role, string>> = {
  viewer: 'viewer: look only',
  operator: 'operator: call, replay, roll back',
  developer: 'developer: deploy and change functions',
  owner: 'owner: tokens, members, audit too',
};

export interface RoleSelectProps extends Omit<ComponentProps<'select'>, 'value' | 'onChange'> {
  readonly value: Role;
  /** Roles that cannot be chosen now. */
  readonly isBarred?: (role: Role) => boolean;
  readonly onChange: (role: Role) => void;
}

/** Chooses a role, and says what each may do. */
export function RoleSelect({ value, isBarred, onChange, ...rest }: RoleSelectProps) {
  return (
    <Select
      {...rest}
      options={roles.map((role) => ({ value: role, label: texts[role], isDisabled: isBarred?.(role) === true }))}
      value={value}
      onChange={(event) => onChange(roles.find((role) => role === event.target.value) ?? value)}
    />
  );
}
