import { useMutation } from '@tanstack/react-query';
import { Flame } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useBackend } from '../api/context.tsx';
import { processServerError } from '../api/server-error.ts';
import { PasswordSignIn } from '../forms/password-sign-in.tsx';
import { Button } from '../ui/button.tsx';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { Field, Input } from '../ui/field.tsx';
import { Tabs } from '../ui/tabs.tsx';

/** Asks for a token, tries it, and says where to find one. */
export function SignInPage() {
  const { api, session } = useBackend();
  const [token, setToken] = useState('');
  const [isLasting, setIsLasting] = useState(true);
  useEffect(() => {
    document.title = 'Sign in · Hearth';
  }, []);
  const check = useMutation({
    mutationFn: async (candidate: string) => {
      await api.client.send('GET', '/api/v1/whoami', { headers: { authorization: `Bearer ${candidate}` } });
      return candidate;
    },
    onSuccess: (accepted) => session.signIn(accepted, isLasting),
  });
  const error = check.error === null ? undefined : processServerError(check.error);
  const tokenForm = (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim() !== '') check.mutate(token.trim());
      }}
    >
      <Field label="Access token">
        {(control) => (
          <Input
            {...control}
            autoFocus
            type="password"
            className="font-mono"
            autoComplete="current-password"
            value={token}
            onChange={(event) => setToken(event.target.value)}
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
      <Button
        type="submit"
        tone="primary"
        isBusy={check.isPending}
        disabledReason={token.trim() === '' ? 'Enter a token first' : undefined}
      >
        Sign in
      </Button>
    </form>
  );
  return (
    <main className="grid min-h-screen place-items-center px-4 py-10">
      <div className="flex w-full max-w-md flex-col gap-5">
        <div className="flex items-center gap-3">
          <Flame className="size-8 text-accent" aria-hidden="true" />
          <div>
            <h1 className="text-2xl font-semibold tracking-tight">Sign in to Hearth</h1>
            <p className="text-sm text-muted">With an access token, or with user and password.</p>
          </div>
        </div>
        {session.wasRefused && error === undefined && (
          <Callout tone="warn" title="Your token was not accepted any more. It may have expired or been revoked." />
        )}
        {error !== undefined &&
          (error.status === 401 ? (
            <Callout tone="danger" title="This token is not valid." isAlert>
              Check that it was copied whole, and that it was not revoked.
            </Callout>
          ) : (
            <ErrorCallout error={error} />
          ))}
        <div className="rounded-lg border border-line bg-surface p-5 pt-2">
          <Tabs
            label="How to sign in"
            items={[
              { id: 'token', label: 'Token', content: tokenForm },
              { id: 'password', label: 'User and password', content: <PasswordSignIn /> },
            ]}
          />
        </div>
        <section className="text-sm text-muted">
          <h2 className="mb-1 font-medium text-text">Where is my token?</h2>
          <ul className="list-disc space-y-1 pl-4">
            <li>Hearth prints a link with it in the terminal at its first start.</li>
            <li>
              On the machine itself: <code className="font-mono text-text">cat data/admin-token</code>
            </li>
            <li>Whoever holds an admin token can make another one for you on the page Tokens.</li>
          </ul>
        </section>
      </div>
    </main>
  );
}
