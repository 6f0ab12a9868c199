import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Alias, VersionDocument } from '../../shared/api/functions.ts';
import { aliasMoveQueries } from '../api/alias-moves.ts';
import { buildQueries } from '../api/builds.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { AliasHistory } from '../components/alias-history.tsx';
import { BuildList } from '../components/build-list.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { useFunction } from '../components/use-function.ts';
import { VersionDiff } from '../components/version-diff.tsx';
import { PromoteDialog } from '../forms/promote-dialog.tsx';
import { TrafficDialog, type TrafficGuard } from '../forms/traffic-dialog.tsx';
import { Ago } from '../ui/ago.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Callout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { formatBytes, formatPercent } from '../util/format.ts';
import { useNow, useUrlValue } from '../util/hooks.ts';
import { mainVersion, shareOf, versionBefore, wereLive } from '../util/traffic.ts';

/** What is to have the live traffic. */
interface Move {
  readonly shares: Alias['versions'];
  /** Takes the traffic back from a canary that fails. */
  readonly guard?: TrafficGuard & { readonly stable: number };
  readonly message?: string;
}

type Choice = { readonly kind: 'promote' | 'split' | 'diff'; readonly version: VersionDocument } | undefined;

function columns(
  live: Alias | undefined,
  now: number,
  isRollback: (version: number) => boolean,
  choose: (choice: Choice) => void,
): readonly TableColumn<VersionDocument>[] {
  const shares = live?.versions ?? [];
  const main = mainVersion(shares);
  return [
    {
      id: 'version',
      label: 'Version',
      onPhone: 'bare',
      cell: (row) => <strong className="font-semibold">v{row.version}</strong>,
    },
    {
      id: 'traffic',
      label: 'Traffic',
      onPhone: 'bare',
      cell: (row) => {
        const share = shareOf(shares, row.version);
        return share === 0 ? (
          <span className="text-faint">–</span>
        ) : (
          <Badge tone="accent">live {formatPercent(share)}</Badge>
        );
      },
    },
    {
      id: 'message',
      label: 'Message',
      onPhone: 'line',
      className: 'max-w-96 min-w-32',
      cell: (row) =>
        row.message === '' ? (
          <span className="text-faint">no message</span>
        ) : (
          <span className="line-clamp-2">{row.message}</span>
        ),
    },
    {
      id: 'when',
      label: 'Deployed',
      onPhone: 'bare',
      cell: (row) => <Ago at={row.createdAt} now={now} />,
    },
    { id: 'by', label: 'By', isSecondary: true, cell: (row) => row.createdBy },
    { id: 'size', label: 'Size', isNumber: true, isSecondary: true, cell: (row) => formatBytes(row.sizeBytes) },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isNumber: true,
      onPhone: 'bare',
      cell: (row) => {
        const isWhole = shareOf(shares, row.version) === 1;
        return (
          <span className="inline-flex gap-1.5">
            {row.version !== main && (
              <>
                <Button size="small" tone="ghost" onClick={() => choose({ kind: 'diff', version: row })}>
                  Compare
                </Button>
                <PermittedButton
                  operation="putAlias"
                  size="small"
                  tone="ghost"
                  onClick={() => choose({ kind: 'split', version: row })}
                >
                  Split
                </PermittedButton>
              </>
            )}
            {!isWhole && (
              <PermittedButton
                operation="putAlias"
                size="small"
                onClick={() => choose({ kind: 'promote', version: row })}
              >
                {isRollback(row.version) ? 'Roll back' : 'Make live'}
              </PermittedButton>
            )}
          </span>
        );
      },
    },
  ];
}

export function FunctionVersionsTab() {
  const fn = useFunction();
  const api = useApi();
  const now = useNow();
  const queryClient = useQueryClient();
  const versions = useInfiniteQuery(queries.versions(api, fn.name));
  const aliases = useQuery(queries.aliases(api, fn.name));
  const live = aliases.data?.items.find((alias) => alias.name === 'live');
  const main = mainVersion(live?.versions ?? []);
  const [choice, setChoice] = useState<Choice>();
  const [wish, setWish] = useUrlValue('do');
  const close = () => {
    setChoice(undefined);
    if (wish !== '') setWish('');
  };
  const builds = useInfiniteQuery(buildQueries.ofFunction(api, fn.name));
  const moves = useInfiniteQuery(aliasMoveQueries.moves(api, fn.name));
  const moved = moves.data?.pages.flatMap((page) => page.items) ?? [];
  const formerlyLive = wereLive(moved);
  // Of moves that are not loaded yet, the number of a version tells.
  const isRollback = (version: number) =>
    formerlyLive.has(version) || (moves.hasNextPage && main !== undefined && version < main);
  const move = useMutation({
    mutationFn: ({ shares, guard, message = '' }: Move) => {
      const canary = guard !== undefined && shares.length > 1 ? { canary: guard } : {};
      return api.putAlias(fn.name, 'live', { versions: [...shares], ...canary, message });
    },
    onSuccess: async (alias) => {
      close();
      const text = alias.versions
        .map((item) => `v${item.version} ${formatPercent(shareOf(alias.versions, item.version))}`)
        .join(', ');
      toast.done('Traffic moved', text);
      await queryClient.invalidateQueries({ queryKey: ['functions'] });
    },
    onError: (error) => toast.failed('Traffic was not moved', error),
  });
  const loaded = versions.data?.pages.flatMap((page) => page.items) ?? [];
  // As the command palette asks for it.
  const wished = wish === 'rollback' && main !== undefined ? versionBefore(moved, main) : undefined;
  const promoted = choice?.version.version ?? wished ?? 0;
  return (
    <>
      <Card title="Versions" note="never change; live points at one or several" isFlush>
        {live !== undefined && live.aborted !== null && (
          <div className="p-4">
            <Callout
              tone="warn"
              title={
                <>
                  A canary was taken back <Ago at={live.aborted.at} now={now} />
                </>
              }
            >
              {live.aborted.reason}
            </Callout>
          </div>
        )}
        {live !== undefined && live.message !== '' && (
          <p className="px-4 pt-3 text-sm break-words">
            <span className="text-faint">
              Moved <Ago at={live.updatedAt} now={now} />:
            </span>{' '}
            {live.message}
          </p>
        )}
        <div className={versions.data === undefined ? 'p-4' : ''}>
          <QueryView query={versions} lines={6}>
            {() => (
              // Which actions a version offers depends on what is live; without knowing that, all would be offered for each.
              <QueryView query={aliases} lines={6}>
                {() => (
                  <Table
                    label="Versions"
                    isStacked
                    columns={columns(live, now, isRollback, setChoice)}
                    rows={loaded}
                    rowKey={(row) => row.id}
                  />
                )}
              </QueryView>
            )}
          </QueryView>
          <LoadMore query={versions} />
        </div>
        {(choice?.kind === 'promote' || (choice === undefined && wished !== undefined)) && (
          <PromoteDialog
            functionName={fn.name}
            version={promoted}
            isRollback={isRollback(promoted)}
            isBusy={move.isPending}
            onClose={close}
            onConfirm={(message) => move.mutate({ shares: [{ version: promoted, weight: 100 }], message })}
          />
        )}
        {choice?.kind === 'split' && main !== undefined && (
          <TrafficDialog
            present={main}
            candidate={promoted}
            isBusy={move.isPending}
            onClose={close}
            onSave={(shares, guard) =>
              move.mutate({
                shares: [...shares],
                ...(guard === undefined ? {} : { guard: { stable: main, ...guard } }),
              })
            }
          />
        )}
        {choice?.kind === 'diff' && main !== undefined && (
          <VersionDiff
            functionName={fn.name}
            live={main}
            other={choice.version.version}
            versions={loaded}
            more={<LoadMore query={versions} />}
            onClose={close}
          />
        )}
      </Card>
      {/* They are asked for at once; each is seen when what is above it has its height. */}
      <div hidden={versions.isPending || aliases.isPending}>
        <BuildList functionName={fn.name} />
        <div hidden={builds.isPending}>
          <AliasHistory functionName={fn.name} />
        </div>
      </div>
    </>
  );
}
