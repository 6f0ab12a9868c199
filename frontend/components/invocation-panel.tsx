import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Ban, RotateCcw } from 'lucide-react';
import type { ReactNode } from 'react';
import type { InvocationDetail } from '../../shared/api/invocations.ts';
import type { ReplayObstacle } from '../../shared/api/kept-requests.ts';
import { isDraft } from '../../shared/drafts.ts';
import { useApi } from '../api/context.tsx';
import { keptRequestQuery } from '../api/kept-requests.ts';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { toast } from '../ui/toast.tsx';
import { formatBytes } from '../util/format.ts';
import { obstacleTexts, traceIdOf } from '../util/kept-request.ts';
import { mayHaveLateLines } from '../util/late-lines.ts';
import { versionText } from '../util/version-text.ts';
import { InvocationResult } from './invocation-result.tsx';
import { PermittedButton } from './permitted-button.tsx';
import { QueryView } from './query-view.tsx';
import { isOver } from './status.tsx';

function Fact({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col">
      <dt className="text-xs text-faint">{label}</dt>
      <dd className="text-sm break-words">{children}</dd>
    </div>
  );
}

function Facts({ detail }: { readonly detail: InvocationDetail }) {
  const traceId = traceIdOf(detail.traceparent);
  return (
    <dl className="tabular grid grid-cols-2 gap-x-4 gap-y-2 sm:grid-cols-3">
      <Fact label="Function">
        <Link to={paths.function(detail.functionName)} className="text-accent underline">
          {detail.functionName}
        </Link>{' '}
        {versionText(detail)}
      </Fact>
      <Fact label="Trigger">{detail.trigger}</Fact>
      <Fact label="Called as">{detail.qualifier}</Fact>
      <Fact label="Accepted">
        <DateTime at={detail.createdAt} />
      </Fact>
      <Fact label="Attempts">{detail.attempts}</Fact>
      {detail.nextAttemptAt !== null && (
        <Fact label="Next attempt">
          <DateTime at={detail.nextAttemptAt} />
        </Fact>
      )}
      <Fact label="Instance">
        <span className="font-mono text-xs break-all">{detail.instanceId ?? '–'}</span>
      </Fact>
      {detail.usage !== null && (
        <Fact label="Bytes in and out">
          {formatBytes(detail.usage.requestBytes)} · {formatBytes(detail.usage.responseBytes)}
        </Fact>
      )}
      {traceId !== undefined && (
        <Fact label="Trace">
          <span className="font-mono text-xs break-all">{traceId}</span>
          <CopyButton text={traceId} label="Copy the trace id" />
        </Fact>
      )}
      {detail.replayOf !== null && (
        <Fact label="Replay of">
          <Link to={paths.invocation(detail.replayOf)} className="font-mono text-xs break-all text-accent underline">
            {detail.replayOf}
          </Link>
        </Fact>
      )}
    </dl>
  );
}

function Actions({ detail }: { readonly detail: InvocationDetail }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const renew = () => queryClient.invalidateQueries({ queryKey: ['invocations'] });
  const replay = useMutation({
    mutationFn: () => api.replay(detail.id),
    onSuccess: async (accepted) => {
      toast.done('Replay queued', accepted.id);
      await renew();
    },
    onError: (error) => toast.failed('Not replayed', error),
  });
  const cancel = useMutation({
    mutationFn: () => api.cancel(detail.id),
    onSuccess: async () => {
      toast.done('Cancelled');
      await renew();
    },
    onError: (error) => toast.failed('Not cancelled', error),
  });
  const kept = useQuery({ ...keptRequestQuery(api, detail.id), enabled: detail.hasRequest });
  const whyNot = whyNotReplayed(detail, kept.data?.replayObstacle ?? undefined);
  return (
    <div className="flex flex-wrap gap-2">
      <PermittedButton
        operation="replayInvocation"
        icon={<RotateCcw className="size-3.5" aria-hidden="true" />}
        isBusy={replay.isPending}
        disabledReason={whyNot}
        onClick={() => replay.mutate()}
      >
        Replay
      </PermittedButton>
      {!isOver(detail.status) && (
        <PermittedButton
          operation="cancelInvocation"
          icon={<Ban className="size-3.5" aria-hidden="true" />}
          isBusy={cancel.isPending}
          onClick={() => cancel.mutate()}
        >
          Cancel
        </PermittedButton>
      )}
    </div>
  );
}

function whyNotReplayed(detail: InvocationDetail, obstacle: ReplayObstacle | undefined): string | undefined {
  if (isDraft(detail)) return 'It ran a draft: test it again where its code is';
  if (obstacle !== undefined) return obstacleTexts[obstacle];
  if (detail.hasRequest || (detail.payload !== null && detail.payload !== undefined)) return undefined;
  return `Its ${detail.trigger === 'http' ? 'request' : 'event'} was not kept, so it cannot be sent again`;
}

/** Everything that is known of one invocation. */
export function InvocationView({ id }: { readonly id: string }) {
  const query = useQuery({
    ...queries.invocation(useApi(), id),
    refetchInterval: ({ state: { data } }) =>
      data === undefined || !isOver(data.status) || mayHaveLateLines(data, Date.now()) ? 1500 : false,
  });
  return (
    <QueryView query={query} lines={10}>
      {(detail) => (
        <div className="flex min-w-0 flex-col gap-5">
          <div className="flex items-center gap-1">
            <code className="font-mono text-xs break-all text-muted">{detail.id}</code>
            <CopyButton text={detail.id} label="Copy the id" />
          </div>
          <Facts detail={detail} />
          <InvocationResult detail={detail} />
          <Actions detail={detail} />
        </div>
      )}
    </QueryView>
  );
}

export function InvocationPanel({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  return (
    <Dialog isOpen={id !== ''} onClose={onClose} title="Invocation" shape="side">
      {id !== '' && <InvocationView id={id} />}
    </Dialog>
  );
}
