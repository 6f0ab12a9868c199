import type { InvocationStatus, StartKind } from '../../shared/invocation.ts';
import { Badge, Dot, type Tone } from '../ui/badge.tsx';

const statusTones: Readonly<Record<InvocationStatus, Tone>> = {
  queued: 'neutral',
  running: 'info',
  success: 'ok',
  'function-error': 'danger',
  'function-fault': 'danger',
  'platform-fault': 'warn',
  'dead-letter': 'danger',
  cancelled: 'neutral',
};

export const statusLabels: Readonly<Record<InvocationStatus, string>> = {
  queued: 'Queued',
  running: 'Running',
  success: 'Success',
  'function-error': 'Function error',
  'function-fault': 'Fault',
  'platform-fault': 'Platform fault',
  'dead-letter': 'Dead letter',
  cancelled: 'Cancelled',
};

export function StatusBadge({ status }: { readonly status: InvocationStatus }) {
  return (
    <Badge tone={statusTones[status]}>
      <Dot tone={statusTones[status]} isPulsing={status === 'running'} />
      {statusLabels[status]}
    </Badge>
  );
}

export function StartBadge({ start }: { readonly start: StartKind }) {
  if (start === 'none') return <span className="text-faint">–</span>;
  return <Badge tone={start === 'warm' ? 'neutral' : start === 'cold' ? 'info' : 'accent'}>{start}</Badge>;
}

/** Statuses after which nothing changes any more. */
export const isOver = (status: InvocationStatus): boolean => status !== 'queued' && status !== 'running';
