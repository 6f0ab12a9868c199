import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { AliasMove } from '../../shared/api/alias-moves.ts';
import { aliasMoveQueries } from '../api/alias-moves.ts';
import { useApi } from '../api/context.tsx';
import { Ago } from '../ui/ago.tsx';
import { Badge, type Tone } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { DateTime } from '../ui/date-time.tsx';
import type { TableColumn } from '../ui/table.tsx';
import { formatCount, formatDateTime, formatMs, formatPercent } from '../util/format.ts';
import { useNow } from '../util/hooks.ts';
import { type TimeZone, useTimeZone } from '../util/time-zone.ts';
import { shareOf, type Weighted } from '../util/traffic.ts';
import { ListCard } from './list-card.tsx';
import { QueryView } from './query-view.tsx';

const kinds: Readonly<Record<AliasMove['kind'], { readonly label: string; readonly tone: Tone }>> = {
  deploy: { label: 'deployed', tone: 'ok' },
  create: { label: 'made', tone: 'neutral' },
  promote: { label: 'made live', tone: 'ok' },
  rollback: { label: 'rolled back', tone: 'warn' },
  split: { label: 'shared out', tone: 'accent' },
  abort: { label: 'canary taken back', tone: 'danger' },
  delete: { label: 'deleted', tone: 'neutral' },
};

const sharesText = (shares: readonly Weighted[]): string =>
  shares.length === 0
    ? 'none'
    : shares
        .map(({ version }) => `v${version}${shares.length === 1 ? '' : ` ${formatPercent(shareOf(shares, version))}`}`)
        .join(', ');

function columns(now: number, zone: TimeZone, onCompare: (move: AliasMove) => void): readonly TableColumn<AliasMove>[] {
  return [
    {
      id: 'when',
      label: 'When',
      onPhone: 'bare',
      cell: (row) => <Ago at={row.at} now={now} />,
    },
    {
      id: 'what',
      label: 'What',
      onPhone: 'bare',
      cell: (row) => <Badge tone={kinds[row.kind].tone}>{kinds[row.kind].label}</Badge>,
    },
    { id: 'alias', label: 'Alias', isSecondary: true, cell: (row) => row.alias },
    {
      id: 'shares',
      label: 'From and to',
      onPhone: 'line',
      cell: (row) => `${sharesText(row.before)} → ${sharesText(row.after)}`,
    },
    {
      id: 'reason',
      label: 'Why',
      onPhone: 'line',
      className: 'max-w-96 min-w-32 break-words',
      cell: (row) => row.reason || <span className="text-faint">no reason given</span>,
    },
    { id: 'by', label: 'By', isSecondary: true, cell: (row) => row.by },
    {
      id: 'compare',
      label: 'Numbers',
      isLabelHidden: true,
      isNumber: true,
      onPhone: 'bare',
      cell: (row) => (
        <Button
          size="small"
          tone="ghost"
          onClick={() => onCompare(row)}
          aria-label={`Before and after the move of ${formatDateTime(row.at, zone)}`}
        >
          Before and after
        </Button>
      ),
    },
  ];
}

/** What the function did in the quarters of an hour before and after a move: all of its aliases, as the numbers are kept of functions. */
function BeforeAndAfter({ functionName, move }: { readonly functionName: string; readonly move: AliasMove }) {
  const query = useQuery(aliasMoveQueries.around(useApi(), functionName, move.at));
  return (
    <div className="border-t border-line px-4 py-3">
      <p className="mb-2 text-sm">
        All calls of the function, 15 minutes before and after{' '}
        <strong>
          <DateTime at={move.at} />
        </strong>
      </p>
      <QueryView query={query} lines={2}>
        {({ before, after, isKept }) =>
          !isKept ? (
            <p className="text-sm text-muted">That is so long ago that only whole hours are kept.</p>
          ) : (
            <dl aria-live="polite" className="tabular grid grid-cols-3 gap-x-4 gap-y-1 text-sm">
              {(
                [
                  ['Calls', (total) => formatCount(total?.invocations ?? 0)],
                  [
                    'Error rate',
                    (total) => (total?.invocations ? formatPercent(total.errors / total.invocations) : '–'),
                  ],
                  ['p95', (total) => formatMs(total?.totalMs?.p95)],
                ] satisfies readonly (readonly [string, (total: typeof before) => string])[]
              ).map(([label, textOf]) => (
                <div key={label} className="flex min-w-0 flex-col">
                  <dt className="text-xs text-faint">{label}</dt>
                  <dd>
                    {textOf(before)} → {textOf(after)}
                  </dd>
                </div>
              ))}
            </dl>
          )
        }
      </QueryView>
    </div>
  );
}

/** Every move of the aliases of a function, the newest first. */
export function AliasHistory({ functionName }: { readonly functionName: string }) {
  const now = useNow();
  const zone = useTimeZone();
  const query = useInfiniteQuery(aliasMoveQueries.moves(useApi(), functionName));
  const [compared, setCompared] = useState<AliasMove | undefined>();
  return (
    <ListCard
      title="History"
      note="deployments, rollbacks and canaries"
      label="History of moves"
      query={query}
      columns={columns(now, zone, setCompared)}
      emptyText="Moves from now on are listed here."
    >
      {compared !== undefined && <BeforeAndAfter functionName={functionName} move={compared} />}
    </ListCard>
  );
}
