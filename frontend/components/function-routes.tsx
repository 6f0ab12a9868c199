import { Link } from '@tanstack/react-router';
import { Route as RouteIcon } from 'lucide-react';
import { useState } from 'react';
import type { Route, RouteInput } from '../../shared/api/functions.ts';
import { inputOfRoute, RouteForm } from '../forms/route-form.tsx';
import { paths } from '../path-builder.ts';
import { Badge } from '../ui/badge.tsx';
import { buttonClasses } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { toast } from '../ui/toast.tsx';
import { PermittedButton } from './permitted-button.tsx';
import { useFunction } from './use-function.ts';
import { useAliasNames, useSaveTriggers } from './use-save-triggers.ts';

/** What a route takes; none is every method. */
export function MethodBadges({ methods }: Pick<Route, 'methods'>) {
  return (
    <span className="flex flex-wrap gap-1">
      {(methods.length === 0 ? ['ANY'] : methods).map((method) => (
        <Badge key={method} tone="info">
          {method}
        </Badge>
      ))}
    </span>
  );
}

interface RouteRowProps {
  readonly route: Route;
  readonly origin: string;
  readonly onSave: (change: RouteInput | undefined) => Promise<unknown>;
}

/** One route, which is changed in its place; without a change it is removed. */
function RouteRow({ route, origin, onSave }: RouteRowProps) {
  const [isEditing, setIsEditing] = useState(false);
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);
  const aliases = useAliasNames();
  const save = async (change: RouteInput | undefined) => {
    setIsBusy(true);
    try {
      await onSave(change);
      setIsEditing(false);
    } catch (refusal) {
      setError(refusal);
      if (change === undefined) toast.failed('The route was not removed', refusal);
    } finally {
      setIsBusy(false);
    }
  };
  const run = (change: RouteInput | undefined) => {
    save(change).catch(() => undefined);
  };
  return (
    <li className="border-b border-line py-2 last:border-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <MethodBadges methods={route.methods} />
        <code className="min-w-0 font-mono text-sm break-all">
          <span className="text-faint">{origin}</span>
          {route.path}
        </code>
        <span className="text-xs text-faint">→ {route.alias}</span>
        <span className="ml-auto flex gap-1">
          <PermittedButton
            operation="updateFunction"
            size="small"
            tone="ghost"
            aria-expanded={isEditing}
            aria-label={`Change the route ${route.path}`}
            onClick={() => {
              setIsEditing(!isEditing);
              setError(undefined);
            }}
          >
            Change
          </PermittedButton>
          <PermittedButton
            operation="updateFunction"
            size="small"
            tone="ghost"
            isBusy={isBusy}
            aria-label={`Remove the route ${route.path}`}
            onClick={() => run(undefined)}
          >
            Remove
          </PermittedButton>
        </span>
      </div>
      {isEditing && (
        <RouteForm
          route={route}
          aliases={aliases}
          isBusy={isBusy}
          error={error}
          onSave={run}
          onCancel={() => setIsEditing(false)}
        />
      )}
    </li>
  );
}

/** The routes of the function of the address, to be added, changed and removed. */
export function FunctionRoutes() {
  const fn = useFunction();
  const add = useSaveTriggers();
  const change = useSaveTriggers();
  const aliases = useAliasNames();
  const origin = URL.canParse(fn.url) ? new URL(fn.url).origin : '';
  /** All routes, with one changed, or without it. */
  const withChange = (id: string, changed: RouteInput | undefined): RouteInput[] =>
    fn.routes.flatMap((route) => (route.id !== id ? inputOfRoute(route) : (changed ?? [])));
  return (
    <Card
      title="HTTP routes"
      note="on the gateway"
      actions={
        <Link to={paths.routes()} className={buttonClasses('ghost', 'small')}>
          All routes
        </Link>
      }
    >
      {fn.routes.length === 0 ? (
        <EmptyState icon={<RouteIcon />} title="The standard address">
          Without routes of its own this function answers at <code className="font-mono text-text">/{fn.name}</code> and
          below, with every method.
        </EmptyState>
      ) : (
        <ul>
          {fn.routes.map((route) => (
            <RouteRow
              key={route.id}
              route={route}
              origin={origin}
              onSave={(changed) => change.mutateAsync({ routes: withChange(route.id, changed) })}
            />
          ))}
        </ul>
      )}
      <RouteForm
        isBusy={add.isPending}
        aliases={aliases}
        error={add.error}
        onSave={(route, onDone) =>
          add.mutate({ routes: [...fn.routes.map(inputOfRoute), route] }, { onSuccess: onDone })
        }
      />
    </Card>
  );
}
