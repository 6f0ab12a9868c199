import { useMutation, useQuery } from '@tanstack/react-query';
import type { AlertDeliveryDocument, AlertRuleDocument } from '../../shared/api/alerts.ts';
import { alertApi, alertQueries } from '../api/alerts.ts';
import { useApi } from '../api/context.tsx';
import { Ago } from '../ui/ago.tsx';
import { Badge, type Tone } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { CodeBlock } from '../ui/copy-button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { channelText } from '../util/alert-text.ts';
import { useNow } from '../util/hooks.ts';
import { QueryView } from './query-view.tsx';

const tones: Readonly<Record<AlertDeliveryDocument['state'], Tone>> = {
  waiting: 'warn',
  delivered: 'ok',
  failed: 'danger',
};

function columns(now: number): readonly TableColumn<AlertDeliveryDocument>[] {
  return [
    { id: 'at', label: 'When', cell: (row) => <Ago at={row.createdAt} now={now} /> },
    { id: 'event', label: 'What', cell: (row) => row.event },
    {
      id: 'to',
      label: 'To',
      className: 'max-w-56',
      cell: (row) => (
        <>
          <span className="block truncate">{channelText(row.channel)}</span>
          {row.lastError !== null && <span className="block text-xs text-danger">{row.lastError}</span>}
        </>
      ),
    },
    {
      id: 'state',
      label: 'State',
      cell: (row) => (
        <Badge tone={tones[row.state]}>
          {row.state}
          {row.attempts > 1 ? `, ${row.attempts} tries` : ''}
        </Badge>
      ),
    },
  ];
}

/** What a rule has sent, and how receivers check it. */
export function AlertDeliveries({ rule, onClose }: { readonly rule: AlertRuleDocument; readonly onClose: () => void }) {
  const api = useApi();
  const now = useNow();
  const query = useQuery(alertQueries.deliveries(api, rule.id));
  const secret = useMutation({
    mutationFn: () => alertApi.signingSecret(api, rule.id),
    onError: (error) => toast.failed('The secret cannot be shown', error),
  });
  const hasWebhook = rule.channels.some(({ kind }) => kind === 'webhook');
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Messages of ${rule.name}`}
      footer={<Button onClick={onClose}>Close</Button>}
    >
      <div className="flex flex-col gap-4 text-sm">
        <QueryView query={query} lines={3}>
          {({ items }) =>
            items.length === 0 ? (
              <p className="text-muted">Nothing was sent yet.</p>
            ) : (
              <Table label="Messages" columns={columns(now)} rows={items} rowKey={(row) => row.id} />
            )
          }
        </QueryView>
        {hasWebhook &&
          (secret.data === undefined ? (
            <div>
              <Button size="small" isBusy={secret.isPending} onClick={() => secret.mutate()}>
                Show the signing secret
              </Button>
            </div>
          ) : (
            <CodeBlock text={secret.data.secret} label="signing secret" />
          ))}
      </div>
    </Dialog>
  );
}
