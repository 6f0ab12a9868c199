import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import type { BuildDocument } from '../../shared/api/builds.ts';
import { isOver } from '../../shared/build-states.ts';
import { buildQueries } from '../api/builds.ts';
import { useApi } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { paths } from '../path-builder.ts';
import { Ago } from '../ui/ago.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button, buttonClasses } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { failureText, stateTones } from '../util/build-progress.ts';
import { useNow } from '../util/hooks.ts';
import { LoadMore } from './load-more.tsx';

const BuildDialog = lazy(() => import('./build-list.tsx').then((module) => ({ default: module.BuildDialog })));

interface RowProps {
  readonly build: BuildDocument;
  readonly now: number;
  readonly canDeploy: boolean;
  readonly onOpen: () => void;
}

function Row({ build, now, canDeploy, onOpen }: RowProps) {
  const { functionName: name, state, createdAt, createdBy, error } = build;
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5 text-sm">
      <span className="font-medium wrap-anywhere">{name}</span>
      <Badge tone={stateTones[state]}>{state}</Badge>
      <span className="min-w-0 grow basis-56 text-muted wrap-anywhere">
        {error === null ? '' : <span className="line-clamp-2">{failureText(error.message)}</span>}
        <span className="text-xs text-faint">
          <Ago at={createdAt} now={now} /> by {createdBy}
        </span>
      </span>
      <span className="flex gap-1">
        <Button size="small" tone="ghost" onClick={onOpen} aria-label={`Log of the build of ${name}`}>
          Log
        </Button>
        {canDeploy && isOver(state) && (
          <Link
            to={paths.newFunction()}
            search={{ name }}
            className={buttonClasses('plain', 'small')}
            aria-label={`Try again to create ${name}`}
          >
            Try again
          </Link>
        )}
      </span>
    </li>
  );
}

/** Names whose first build failed, was cancelled or runs, so that no function has them; nothing where there are none. */
export function UncreatedFunctions() {
  const now = useNow();
  const query = useInfiniteQuery(buildQueries.withoutFunction(useApi()));
  const [open, setOpen] = useState<BuildDocument>();
  const canDeploy = usePermission('createFunction') === undefined;
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (rows.length === 0) return null;
  return (
    <Card title="Not created" note="their first build failed, was cancelled or runs" isFlush className="mt-4">
      <ul aria-label="Not created" className="divide-y divide-line">
        {rows.map((build) => (
          <Row key={build.id} build={build} now={now} canDeploy={canDeploy} onOpen={() => setOpen(build)} />
        ))}
      </ul>
      <LoadMore query={query} />
      {open !== undefined && (
        <Suspense>
          <BuildDialog build={open} onClose={() => setOpen(undefined)} />
        </Suspense>
      )}
    </Card>
  );
}
