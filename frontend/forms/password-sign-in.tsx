import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { accessApi } from '../api/access.ts';
import { useBackend } from '../api/context.tsx';
import { processServerError } from '../api/server-error.ts';
import { Button } from '../ui/button.tsx';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { Field, Input } from '../ui/field.tsx';

/** Signs in with user and password. The session ends by itself; the tab keeps it unless somebody wants the browser to. */
export function PasswordSignIn() {
  const { api, session } = useBackend();
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [isLasting, setIsLasting] = useState(false);
  const signIn = useMutation({
    mutationFn: () => accessApi.signIn(api, user.trim(), password),
    onSuccess: (token) => session.signIn(token, isLasting),
    onError: () => setPassword(''),
  });
  const error = signIn.error === null ? undefined : processServerError(signIn.error);
  const reason = user.trim() === '' || password === '' ? 'Enter user and password first' : undefined;
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason === undefined) signIn.mutate();
      }}
    >
      {error !== undefined &&
        (error.status === 401 ? (
          <Callout tone="danger" title="User or password is wrong." isAlert />
        ) : (
          <ErrorCallout error={error} />
        ))}
      <Field label="User">
        {(control) => (
          <Input
            {...control}
            autoComplete="username"
            autoCapitalize="none"
            value={user}
            onChange={(event) => setUser(event.target.value)}
          />
        )}
      </Field>
      <Field label="Password">
        {(control) => (
          <Input
            {...control}
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      <label className="flex min-h-6 items-center gap-2 text-sm">
        <input
          type="checkbox"
          className="size-4 accent-accent"
          checked={isLasting}
          onChange={(event) => setIsLasting(event.target.checked)}
        />
        Keep me signed in on this browser
      </label>
      <Button type="submit" tone="primary" isBusy={signIn.isPending} disabledReason={reason}>
        Sign in
      </Button>
    </form>
  );
}
