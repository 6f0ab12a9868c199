import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { BellRing, Plus } from 'lucide-react';
import { useState } from 'react';
import type { AlertRuleDocument } from '../../shared/api/alerts.ts';
import { hourMs } from '../../shared/durations.ts';
import { alertApi, alertQueries } from '../api/alerts.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { AlertDeliveries } from '../components/alert-deliveries.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { QueryView } from '../components/query-view.tsx';
import { AlertRuleDialog } from '../forms/alert-rule-dialog.tsx';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { Ago } from '../ui/ago.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { conditionText, formatAlertValue, stateOf } from '../util/alert-text.ts';
import { useNow } from '../util/hooks.ts';

interface Actions {
  readonly edit: (rule: AlertRuleDocument) => void;
  readonly remove: (rule: AlertRuleDocument) => void;
  readonly silence: (rule: AlertRuleDocument, durationMs: number) => void;
  readonly test: (rule: AlertRuleDocument) => void;
  readonly messages: (rule: AlertRuleDocument) => void;
}

function columns(now: number, actions: Actions): readonly TableColumn<AlertRuleDocument>[] {
  return [
    {
      id: 'state',
      label: 'State',
      cell: (row) => {
        const { label, tone } = stateOf(row, now);
        return <Badge tone={tone}>{label}</Badge>;
      },
    },
    {
      id: 'name',
      label: 'Rule',
      className: 'min-w-56',
      cell: (row) => (
        <>
          <span className="block font-medium">{row.name}</span>
          <span className="block text-xs text-muted">{conditionText(row)}</span>
        </>
      ),
    },
    { id: 'value', label: 'Now', isNumber: true, cell: (row) => formatAlertValue(row.metric, row.value) },
    {
      id: 'since',
      label: 'Since',
      className: 'whitespace-nowrap',
      isSecondary: true,
      cell: (row) => (row.since === null ? '–' : <Ago at={row.since} now={now} />),
    },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isNumber: true,
      cell: (row) => {
        const isSilenced = row.silencedUntil !== null && Date.parse(row.silencedUntil) > now;
        const button = (label: string, run: () => void) => (
          <Button size="small" tone="ghost" onClick={run} aria-label={`${label}: ${row.name}`}>
            {label}
          </Button>
        );
        return (
          <span className="inline-flex gap-1">
            {row.channels.length > 0 && button('Test', () => actions.test(row))}
            {row.channels.length > 0 && button('Messages', () => actions.messages(row))}
            {button(isSilenced ? 'End silence' : 'Silence 1 h', () => actions.silence(row, isSilenced ? 0 : hourMs))}
            {button('Change', () => actions.edit(row))}
            {button('Delete', () => actions.remove(row))}
          </span>
        );
      },
    },
  ];
}

export function AlertsPage() {
  const api = useApi();
  const now = useNow();
  const queryClient = useQueryClient();
  const query = useInfiniteQuery(alertQueries.rules(api));
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const functions = useInfiniteQuery(queries.functions(api));
  const functionNames = functions.data?.pages.flatMap((page) => page.items.map(({ name }) => name)) ?? [];
  const [isCreating, setIsCreating] = useState(false);
  const [editing, setEditing] = useState<AlertRuleDocument | undefined>();
  const [removing, setRemoving] = useState<AlertRuleDocument | undefined>();
  const [messagesOf, setMessagesOf] = useState<AlertRuleDocument | undefined>();
  const refresh = () => queryClient.invalidateQueries({ queryKey: ['alerts'] });
  const remove = useMutation({
    mutationFn: (rule: AlertRuleDocument) => alertApi.remove(api, rule.id),
    onSuccess: () => toast.done('Deleted'),
    onError: (error) => toast.failed('Not deleted', error),
    onSettled: async () => {
      setRemoving(undefined);
      await refresh();
    },
  });
  const silence = useMutation({
    mutationFn: ({ rule, durationMs }: { rule: AlertRuleDocument; durationMs: number }) =>
      alertApi.silence(api, rule.id, durationMs),
    onSuccess: (_rule, { durationMs }) => toast.done(durationMs === 0 ? 'The silence has ended' : 'Silent for an hour'),
    onError: (error) => toast.failed('Nothing was changed', error),
    onSettled: refresh,
  });
  const test = useMutation({
    mutationFn: (rule: AlertRuleDocument) => alertApi.test(api, rule.id),
    onSuccess: (_answer, rule) => {
      toast.done('A trial message is on its way');
      setMessagesOf(rule);
    },
    onError: (error) => toast.failed('Nothing was sent', error),
  });
  const actions: Actions = {
    edit: setEditing,
    remove: setRemoving,
    messages: setMessagesOf,
    silence: (rule, durationMs) => silence.mutate({ rule, durationMs }),
    test: (rule) => test.mutate(rule),
  };
  return (
    <>
      <PageHeader
        title="Alerts"
        note="Looked at every ten seconds; whoever a rule names is told. New ones belong to the project that is shown."
        actions={
          <Button
            tone="primary"
            icon={<Plus className="size-4" aria-hidden="true" />}
            onClick={() => setIsCreating(true)}
          >
            New rule
          </Button>
        }
      />
      <Card isFlush>
        <div className={query.data === undefined ? 'p-4' : ''}>
          <QueryView query={query} lines={4}>
            {() =>
              items.length === 0 ? (
                <EmptyState icon={<BellRing />} title="No alert rules">
                  Begin with two: the error rate of all functions above 5 %, and dead letters above 0. A webhook or an
                  e-mail address is told; without one the state is seen here. Rules about the host belong to the
                  installation: owners of all projects make them while no project is chosen.
                </EmptyState>
              ) : (
                <Table label="Alert rules" columns={columns(now, actions)} rows={items} rowKey={(row) => row.id} />
              )
            }
          </QueryView>
          <LoadMore query={query} />
        </div>
      </Card>
      {isCreating && <AlertRuleDialog functionNames={functionNames} onClose={() => setIsCreating(false)} />}
      {editing !== undefined && (
        <AlertRuleDialog rule={editing} functionNames={functionNames} onClose={() => setEditing(undefined)} />
      )}
      {messagesOf !== undefined && <AlertDeliveries rule={messagesOf} onClose={() => setMessagesOf(undefined)} />}
      <ConfirmDialog
        isOpen={removing !== undefined}
        onClose={() => setRemoving(undefined)}
        title={`Delete ${removing?.name ?? ''}?`}
        action="Delete"
        isDangerous
        isBusy={remove.isPending}
        onConfirm={() => {
          if (removing !== undefined) remove.mutate(removing);
        }}
      >
        <p>Nobody is told any more. What it has sent is forgotten with it.</p>
      </ConfirmDialog>
    </>
  );
}
