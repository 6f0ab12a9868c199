import { useState } from 'react';
import type { UserDocument } from '../../shared/api/access.ts';
import { processServerError } from '../api/server-error.ts';
import { useUpdateUser } from '../components/use-update-user.ts';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { PasswordField, passwordProblem } from './password-field.tsx';

/** Gives a user another password. */
export function UserPasswordDialog({ user, onClose }: { readonly user: UserDocument; readonly onClose: () => void }) {
  const [password, setPassword] = useState('');
  const save = useUpdateUser(`${user.name} has another password`, onClose);
  const reason = passwordProblem(password);
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`${user.hasPassword ? 'Another password' : 'A password'} for ${user.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="user-password" tone="primary" isBusy={save.isPending} disabledReason={reason}>
            Set password
          </Button>
        </>
      }
    >
      <form
        id="user-password"
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (reason === undefined) save.mutate({ name: user.name, change: { password } });
        }}
      >
        <p className="text-sm text-muted">All sessions of this user end at once.</p>
        <PasswordField value={password} onChange={setPassword} isFirst />
        {save.error !== null && <ErrorCallout error={processServerError(save.error)} />}
      </form>
    </Dialog>
  );
}
