import { useState } from 'react';
import type { UserDocument } from '../../shared/api/access.ts';
import { useUpdateUser } from '../components/use-update-user.ts';
import { FormDialog } from './form-dialog.tsx';
import { PasswordField, passwordProblem } from './password-field.tsx';

/** Gives a user another password. */
export function UserPasswordDialog({ user, onClose }: { readonly user: UserDocument; readonly onClose: () => void }) {
  const [password, setPassword] = useState('');
  const save = useUpdateUser(`${user.name} has another password`, onClose);
  const reason = passwordProblem(password);
  return (
    <FormDialog
      title={`${user.hasPassword ? 'Another password' : 'A password'} for ${user.name}`}
      submit="Set password"
      reason={reason}
      isBusy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate({ name: user.name, change: { password } })}
      onClose={onClose}
    >
      <p className="text-sm text-muted">All sessions of this user end at once.</p>
      <PasswordField value={password} onChange={setPassword} isFirst />
    </FormDialog>
  );
}
