import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { BuildDocument } from '../../shared/api/builds.ts';
import { isOver } from '../../shared/build-states.ts';
import { buildQueries } from '../api/builds.ts';
import { useApi } from '../api/context.tsx';
import { useBuild } from '../api/use-build.ts';
import { Ago } from '../ui/ago.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Skeleton } from '../ui/spinner.tsx';
import type { TableColumn } from '../ui/table.tsx';
import { failureText, stateTones, tookMs } from '../util/build-progress.ts';
import { formatDateTime, formatMs } from '../util/format.ts';
import { useNow } from '../util/hooks.ts';
import { type TimeZone, useTimeZone } from '../util/time-zone.ts';
import { EndedBuild, LiveBuild } from './build-view.tsx';
import { ListCard } from './list-card.tsx';

const sources = { api: 'API', cli: 'CLI', ci: 'CI', dashboard: 'dashboard', platform: 'platform' } as const;

function columns(
  now: number,
  zone: TimeZone,
  open: (build: BuildDocument) => void,
): readonly TableColumn<BuildDocument>[] {
  return [
    {
      id: 'state',
      label: 'State',
      onPhone: 'bare',
      cell: (row) => <Badge tone={stateTones[row.state]}>{row.state}</Badge>,
    },
    {
      id: 'version',
      label: 'Version',
      onPhone: 'bare',
      cell: (row) => (row.version === null ? <span className="text-faint">–</span> : `v${row.version}`),
    },
    {
      id: 'message',
      label: 'What came of it',
      onPhone: 'line',
      className: 'max-w-96 min-w-32 break-words',
      cell: (row) => <span className="line-clamp-2">{summary(row)}</span>,
    },
    {
      id: 'when',
      label: 'Begun',
      onPhone: 'bare',
      cell: (row) => <Ago at={row.createdAt} now={now} />,
    },
    {
      id: 'took',
      label: 'Took',
      isNumber: true,
      isSecondary: true,
      cell: (row) => formatMs(tookMs({ startedAt: row.createdAt, finishedAt: row.finishedAt }, now)),
    },
    { id: 'by', label: 'By', isSecondary: true, cell: (row) => `${row.createdBy}, ${sources[row.source]}` },
    {
      id: 'log',
      label: 'Log',
      isLabelHidden: true,
      isNumber: true,
      onPhone: 'bare',
      cell: (row) => (
        <Button
          size="small"
          tone="ghost"
          onClick={() => open(row)}
          aria-label={`Log of the build of ${formatDateTime(row.createdAt, zone)}`}
        >
          Log
        </Button>
      ),
    },
  ];
}

function summary({ error, message }: BuildDocument) {
  if (error !== null) return failureText(error.message);
  return message === '' ? <span className="text-faint">no message</span> : message;
}

function BuildDetails({ id }: { readonly id: string }) {
  const watched = useBuild(id);
  const { build } = watched.progress;
  if (watched.error !== undefined) return <ErrorCallout error={watched.error} />;
  if (build === undefined) {
    if (watched.isLost) return <Callout tone="warn" title="The platform does not answer. Trying again …" isAlert />;
    return <Skeleton lines={4} />;
  }
  if (!isOver(build.state)) return <LiveBuild {...watched} />;
  return (
    <div className="flex flex-col gap-3">
      {build.error !== null && (
        <Callout tone={build.state === 'failed' ? 'danger' : 'info'} title={failureText(build.error.message)}>
          Code <code className="font-mono">{build.error.code}</code>
        </Callout>
      )}
      <EndedBuild progress={watched.progress} />
      {watched.progress.lines.length === 0 && <p className="text-sm text-muted">It said nothing.</p>}
    </div>
  );
}

/** How a build went or goes, with its log, beside the list that it was chosen from. */
export function BuildDialog({ build, onClose }: { readonly build: BuildDocument; readonly onClose: () => void }) {
  const zone = useTimeZone();
  return (
    <Dialog
      isOpen
      shape="side"
      title={`Deployment of ${formatDateTime(build.createdAt, zone)}`}
      description={`By ${build.createdBy}, ${sources[build.source]}${build.message === '' ? '' : `: ${build.message}`}`}
      onClose={onClose}
    >
      <BuildDetails id={build.id} />
    </Dialog>
  );
}

/** Every deploy of a function, also those of which nothing came, with their steps and logs. */
export function BuildList({ functionName }: { readonly functionName: string }) {
  const now = useNow();
  const zone = useTimeZone();
  const query = useInfiniteQuery(buildQueries.ofFunction(useApi(), functionName));
  const [open, setOpen] = useState<BuildDocument>();
  return (
    <ListCard
      title="Deployments"
      note="those that failed or were cancelled too; the newest 50"
      label="Deployments"
      query={query}
      columns={columns(now, zone, setOpen)}
      emptyText="Deployments from now on are listed here."
    >
      {open !== undefined && <BuildDialog build={open} onClose={() => setOpen(undefined)} />}
    </ListCard>
  );
}
