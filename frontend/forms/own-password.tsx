import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { accessApi } from '../api/access.ts';
import { useApi } from '../api/context.tsx';
import { Field, Input } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
import { FormDialog } from './form-dialog.tsx';
import { PasswordField, passwordProblem } from './password-field.tsx';

/** Changes the password of whoever is signed in; the current one is asked for, and all other sessions end. */
export function OwnPasswordDialog({ user, onClose }: { readonly user: string; readonly onClose: () => void }) {
  const api = useApi();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const save = useMutation({
    mutationFn: () => accessApi.changePassword(api, current, next),
    // Passwords are kept nowhere, not among finished mutations either.
    gcTime: 0,
    onSuccess: () => {
      toast.done('Your password is changed', 'All other sessions have ended');
      onClose();
    },
  });
  const reason = current === '' ? 'Enter your current password' : passwordProblem(next);
  return (
    <FormDialog
      title={`Password of ${user}`}
      submit="Change password"
      reason={reason}
      isBusy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <p className="text-sm text-muted">You stay signed in here. All of your other sessions end at once.</p>
      {/* For password managers: whose password it is. */}
      <input type="text" name="username" autoComplete="username" value={user} readOnly hidden />
      <Field label="Current password">
        {(control) => (
          <Input
            {...control}
            type="password"
            autoComplete="current-password"
            autoFocus
            maxLength={256}
            value={current}
            onChange={(event) => setCurrent(event.target.value)}
          />
        )}
      </Field>
      <PasswordField label="New password" more="" value={next} onChange={setNext} />
    </FormDialog>
  );
}
