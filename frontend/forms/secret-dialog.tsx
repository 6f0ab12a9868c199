import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { limits } from '../../shared/limits.ts';
import { useApi } from '../api/context.tsx';
import { secretsApi } from '../api/secrets.ts';
import { Callout } from '../ui/callout.tsx';
import { Field, Input, TextArea } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
import { FormDialog } from './form-dialog.tsx';
import { secretNameError } from './names.ts';

export interface SecretDialogProps {
  /** The secret whose value is replaced; undefined makes a new one. */
  readonly name: string | undefined;
  readonly onClose: () => void;
}

function useSaveSecret(existing: string | undefined, onDone: () => void) {
  const api = useApi();
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async ({ name, value }: { readonly name: string; readonly value: string }) => {
      // The API sets what is there already too: who wants a new one must not replace another's by accident.
      const isTaken = existing === undefined && (await secretsApi.exists(api, name));
      if (isTaken) throw new Error(`There is a secret ${name} already: replace its value in the list`);
      return secretsApi.put(api, name, value);
    },
    // Values are kept nowhere, not among finished mutations either.
    gcTime: 0,
    onSuccess: async (secret) => {
      toast.done(existing === undefined ? `${secret.name} is set` : `${secret.name} has another value`);
      onDone();
      await queryClient.invalidateQueries({ queryKey: ['secrets'] });
    },
  });
}

/** Hidden as it is typed, but several lines long if it has to be, as keys and certificates are. */
function ValueField({ onChange, value }: { readonly value: string; readonly onChange: (value: string) => void }) {
  const [isShown, setIsShown] = useState(false);
  return (
    <>
      <Field label="Value" hint="It can be replaced later, but never read again">
        {(control) => (
          <TextArea
            {...control}
            rows={3}
            autoComplete="off"
            maxLength={limits.maxSecretChars}
            className={isShown ? 'font-mono' : 'font-mono [-webkit-text-security:disc]'}
            value={value}
            onChange={(event) => onChange(event.target.value)}
          />
        )}
      </Field>
      <label className="flex min-h-6 items-center gap-2 text-sm text-muted">
        <input type="checkbox" checked={isShown} onChange={(event) => setIsShown(event.target.checked)} />
        Show what I type
      </label>
    </>
  );
}

/** Sets a secret, or replaces the value of one. */
export function SecretDialog({ name: existing, onClose }: SecretDialogProps) {
  const [name, setName] = useState(existing ?? '');
  const [value, setValue] = useState('');
  const save = useSaveSecret(existing, onClose);
  const nameProblem = secretNameError(name);
  const reason = nameProblem ?? (value === '' ? 'Give it a value' : undefined);
  return (
    <FormDialog
      title={existing === undefined ? 'New secret' : `Replace the value of ${existing}`}
      submit={existing === undefined ? 'Create' : 'Replace'}
      reason={reason}
      isBusy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate({ name, value })}
      onClose={onClose}
    >
      {existing === undefined && (
        <Field label="Name" hint="The variable that functions find it in" error={name === '' ? undefined : nameProblem}>
          {(control) => (
            <Input
              {...control}
              autoFocus
              className="font-mono"
              placeholder="DB_PASSWORD"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
      )}
      <ValueField value={value} onChange={setValue} />
      {existing !== undefined && (
        <Callout tone="info" title="Calls that begin after this see the new value.">
          Instances that started with the old one end when their calls have.
        </Callout>
      )}
    </FormDialog>
  );
}
