import { useState } from 'react';
import type { RouteInput } from '../../shared/api/functions.ts';
import { PermittedButton } from '../components/permitted-button.tsx';
import { Field, Input, Select } from '../ui/field.tsx';

/** The methods a route can be bound to (the schema of routes in shared/api has the same; it would bring zod along). */
export const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export interface RouteFormProps {
  readonly isBusy: boolean;
  /** Resolves with whether it was saved. */
  readonly onAdd: (route: RouteInput) => Promise<boolean>;
}

export function RouteForm({ isBusy, onAdd }: RouteFormProps) {
  const [path, setPath] = useState('');
  const [method, setMethod] = useState('');
  const submit = async () => {
    const chosen = httpMethods.find((candidate) => candidate === method);
    if (await onAdd({ path, ...(chosen === undefined ? {} : { methods: [chosen] }) })) setPath('');
  };
  return (
    <form
      className="mt-3 flex flex-wrap items-end gap-2 border-t border-line pt-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (path.startsWith('/')) submit().catch(() => undefined);
      }}
    >
      <Field label="Method">
        {(control) => (
          <Select
            {...control}
            value={method}
            options={[{ value: '', label: 'Any' }, ...httpMethods.map((value) => ({ value, label: value }))]}
            onChange={(event) => setMethod(event.target.value)}
          />
        )}
      </Field>
      <Field label="Path" className="grow">
        {(control) => (
          <Input
            {...control}
            className="font-mono"
            placeholder="/orders/:id"
            value={path}
            onChange={(event) => setPath(event.target.value)}
          />
        )}
      </Field>
      <PermittedButton
        operation="updateFunction"
        type="submit"
        isBusy={isBusy}
        disabledReason={path.startsWith('/') ? undefined : 'A path begins with /'}
      >
        Add route
      </PermittedButton>
    </form>
  );
}
