import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Alias, VersionDocument } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { LoadMore } from '../components/load-more.tsx';
import { QueryView } from '../components/query-view.tsx';
import { useFunction } from '../components/use-function.ts';
import { VersionDiff } from '../components/version-diff.tsx';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { TrafficDialog } from '../forms/traffic-dialog.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Callout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { formatAgo, formatBytes, formatDateTime, formatPercent } from '../util/format.ts';
import { useNow } from '../util/hooks.ts';
import { mainVersion, shareOf } from '../util/traffic.ts';

type Choice = { readonly kind: 'promote' | 'split' | 'diff'; readonly version: VersionDocument } | undefined;

function columns(
  live: Alias | undefined,
  now: number,
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
      cell: (row) => (
        <span title={formatDateTime(row.createdAt)} className="whitespace-nowrap">
          {formatAgo(row.createdAt, now)}
        </span>
      ),
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
        const isOlder = main !== undefined && row.version < main;
        return (
          <span className="inline-flex gap-1.5">
            {row.version !== main && (
              <>
                <Button size="small" tone="ghost" onClick={() => choose({ kind: 'diff', version: row })}>
                  Compare
                </Button>
                <Button size="small" tone="ghost" onClick={() => choose({ kind: 'split', version: row })}>
                  Split
                </Button>
              </>
            )}
            {!isWhole && (
              <Button size="small" onClick={() => choose({ kind: 'promote', version: row })}>
                {isOlder ? 'Roll back' : 'Make live'}
              </Button>
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
  const close = () => setChoice(undefined);
  const move = useMutation({
    mutationFn: ({ shares, stable }: { readonly shares: Alias['versions']; readonly stable?: number }) => {
      const isCanary = stable !== undefined && shares.length > 1;
      return api.putAlias(fn.name, 'live', { versions: [...shares], ...(isCanary ? { canary: { stable } } : {}) });
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
  const promoted = choice?.version.version ?? 0;
  return (
    <Card title="Versions" note="never change; live points at one or several" isFlush>
      {live !== undefined && live.aborted !== null && (
        <div className="p-4">
          <Callout tone="warn" title={`A canary was taken back ${formatAgo(live.aborted.at, now)}`}>
            {live.aborted.reason}
          </Callout>
        </div>
      )}
      <div className={versions.data === undefined ? 'p-4' : ''}>
        <QueryView query={versions} lines={6}>
          {({ pages }) => (
            // Which actions a version offers depends on what is live; without knowing that, all would be offered for each.
            <QueryView query={aliases} lines={6}>
              {() => (
                <Table
                  label="Versions"
                  isStacked
                  columns={columns(live, now, setChoice)}
                  rows={pages.flatMap((page) => page.items)}
                  rowKey={(row) => row.id}
                />
              )}
            </QueryView>
          )}
        </QueryView>
        <LoadMore query={versions} />
      </div>
      <ConfirmDialog
        isOpen={choice?.kind === 'promote'}
        onClose={close}
        title={`Make version ${promoted} live?`}
        action={main !== undefined && promoted < main ? `Roll back to v${promoted}` : `Make v${promoted} live`}
        isBusy={move.isPending}
        onConfirm={() => move.mutate({ shares: [{ version: promoted, weight: 100 }] })}
      >
        <p>
          All new calls of <strong>{fn.name}</strong> go to version {promoted} at once. Calls that are running end in
          the version they began in. Nothing is rebuilt, and going back is the same click.
        </p>
      </ConfirmDialog>
      {choice?.kind === 'split' && main !== undefined && (
        <TrafficDialog
          present={main}
          candidate={promoted}
          isBusy={move.isPending}
          onClose={close}
          onSave={(shares, isGuarded) => move.mutate({ shares: [...shares], ...(isGuarded ? { stable: main } : {}) })}
        />
      )}
      {choice?.kind === 'diff' && main !== undefined && (
        <VersionDiff functionName={fn.name} present={main} other={choice.version.version} onClose={close} />
      )}
    </Card>
  );
}
