import { useState } from 'react';
import type { Route, RouteInput } from '../../shared/api/functions.ts';
import { processServerError } from '../api/server-error.ts';
import { PermittedButton } from '../components/permitted-button.tsx';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Field, Input, Select } from '../ui/field.tsx';

/** The methods a route can be bound to (the schema of routes in shared/api has the same; it would bring zod along). */
const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

interface RouteParts extends Pick<Route, 'path' | 'alias'> {
  readonly methods: readonly string[];
}

/** A route as it is sent back: without methods it takes all. */
export const inputOfRoute = ({ path, alias, methods }: RouteParts): RouteInput => ({
  path,
  alias,
  ...(methods.length === 0 ? {} : { methods: httpMethods.filter((method) => methods.includes(method)) }),
});

export interface RouteFormProps {
  readonly isBusy: boolean;
  /** The route that is changed; undefined: a new one. */
  readonly route?: Route;
  /** Which of the function's aliases may answer. */
  readonly aliases: readonly string[];
  /** Why the last attempt was refused. */
  readonly error: unknown;
  readonly onSave: (route: RouteInput, onDone: () => void) => void;
  readonly onCancel?: () => void;
}

interface MethodsProps {
  readonly chosen: readonly string[];
  readonly onChange: (chosen: readonly string[]) => void;
}

function Methods({ chosen, onChange }: MethodsProps) {
  return (
    <fieldset className="min-w-0">
      <legend className="text-sm font-medium">Methods</legend>
      <div className="flex flex-wrap gap-x-3">
        {httpMethods.map((method) => (
          <label key={method} className="flex min-h-7 items-center gap-1.5 text-sm">
            <input
              type="checkbox"
              checked={chosen.includes(method)}
              onChange={(event) =>
                onChange(event.target.checked ? [...chosen, method] : chosen.filter((other) => other !== method))
              }
            />
            {method}
          </label>
        ))}
      </div>
      <p className="text-xs text-faint">None chosen: all of them</p>
    </fieldset>
  );
}

/** Adds a route, or changes one. What the platform refuses, such as a path that is taken, stands below. */
export function RouteForm({ isBusy, route, aliases, error, onSave, onCancel }: RouteFormProps) {
  const [path, setPath] = useState(route?.path ?? '');
  const [methods, setMethods] = useState<readonly string[]>(route?.methods ?? []);
  const [alias, setAlias] = useState(route?.alias ?? 'live');
  const names = [...new Set(['live', ...aliases, alias])];
  const reason = path.startsWith('/') ? undefined : 'A path begins with /';
  return (
    <form
      aria-label={route === undefined ? 'New route' : `Route ${route.path}`}
      className="mt-3 flex flex-col gap-3 border-t border-line pt-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason === undefined && !isBusy) onSave(inputOfRoute({ path, methods, alias }), () => setPath(''));
      }}
    >
      <div className="flex flex-wrap gap-2">
        <Field label="Path" hint=":name takes one segment, a last * the rest" className="grow">
          {(control) => (
            <Input
              {...control}
              autoFocus={route !== undefined}
              className="font-mono"
              placeholder="/orders/:id"
              value={path}
              onChange={(event) => setPath(event.target.value)}
            />
          )}
        </Field>
        <Field label="Answered by">
          {(control) => (
            <Select
              {...control}
              value={alias}
              options={names.map((value) => ({ value, label: value }))}
              onChange={(event) => setAlias(event.target.value)}
            />
          )}
        </Field>
      </div>
      <Methods chosen={methods} onChange={setMethods} />
      {error !== null && error !== undefined && <ErrorCallout error={processServerError(error)} />}
      <div className="flex flex-wrap gap-2">
        <PermittedButton operation="updateFunction" type="submit" isBusy={isBusy} disabledReason={reason}>
          {route === undefined ? 'Add route' : 'Save route'}
        </PermittedButton>
        {onCancel !== undefined && <Button onClick={onCancel}>Cancel</Button>}
      </div>
    </form>
  );
}
