import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { CreateToken } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { Button } from '../ui/button.tsx';
import { Callout } from '../ui/callout.tsx';
import { CodeBlock } from '../ui/copy-button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field, Input, Select } from '../ui/field.tsx';
import { FormDialog } from './form-dialog.tsx';

const scopes = [
  { value: 'deploy', label: 'deploy: everything except tokens' },
  { value: 'invoke', label: 'invoke: call functions, read their invocations' },
  { value: 'read', label: 'read: look only' },
  { value: 'admin', label: 'admin: everything' },
] as const;
const daySeconds = 86_400;
const lifetimes = [
  { value: String(30 * daySeconds), label: '30 days' },
  { value: String(90 * daySeconds), label: '90 days' },
  { value: String(365 * daySeconds), label: '1 year' },
  { value: '', label: 'Never' },
];

/** Makes a token; its secret is shown once and never again. */
export function CreateTokenDialog({ onClose }: { readonly onClose: () => void }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState('');
  const [scope, setScope] = useState<NonNullable<CreateToken['scope']>>('deploy');
  const [lifetime, setLifetime] = useState(String(90 * daySeconds));
  const create = useMutation({
    mutationFn: () =>
      api.createToken({ name: name.trim(), scope, ...(lifetime === '' ? {} : { expiresInSeconds: Number(lifetime) }) }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['tokens'] }),
  });
  if (create.data !== undefined) {
    return (
      <Dialog
        isOpen
        onClose={onClose}
        title={`Token ${create.data.name}`}
        footer={
          <Button tone="primary" onClick={onClose}>
            I have copied it
          </Button>
        }
      >
        <div className="flex flex-col gap-3">
          <Callout tone="warn" title="Copy it now: it is shown only this once." />
          <CodeBlock text={create.data.secret} label="secret" />
        </div>
      </Dialog>
    );
  }
  const reason = name.trim() === '' ? 'Give it a name' : undefined;
  return (
    <FormDialog
      title="New token"
      submit="Create"
      reason={reason}
      isBusy={create.isPending}
      error={create.error}
      onSubmit={() => create.mutate()}
      onClose={onClose}
    >
      <Field label="Name" hint="Who or what uses it">
        {(control) => (
          <Input
            {...control}
            autoFocus
            maxLength={100}
            placeholder="ci"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <Field label="Scope">
        {(control) => (
          <Select
            {...control}
            options={scopes}
            value={scope}
            onChange={(event) => setScope(scopes.find((item) => item.value === event.target.value)?.value ?? 'read')}
          />
        )}
      </Field>
      <Field label="Expires">
        {(control) => (
          <Select
            {...control}
            options={lifetimes}
            value={lifetime}
            onChange={(event) => setLifetime(event.target.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}
