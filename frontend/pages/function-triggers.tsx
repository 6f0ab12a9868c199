import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { CalendarClock, Route as RouteIcon } from 'lucide-react';
import type { Route, Schedule, ScheduleInput } from '../../shared/api/functions.ts';
import type { FunctionChange } from '../api/api.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { useFunction } from '../components/use-function.ts';
import { httpMethods, RouteForm } from '../forms/route-form.tsx';
import { ScheduleForm } from '../forms/schedule-form.tsx';
import { Badge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { toast } from '../ui/toast.tsx';
import { cronWords } from '../util/cron-words.ts';
import { formatAgo, formatDateTime } from '../util/format.ts';
import { useNow } from '../util/hooks.ts';

const inputOfSchedule = (schedule: Schedule): ScheduleInput => ({
  name: schedule.name,
  cron: schedule.cron,
  timeZone: schedule.timeZone,
  payload: schedule.payload,
  alias: schedule.alias,
  misfire: schedule.misfire,
  enabled: schedule.enabled,
});

function useSaveTriggers() {
  const api = useApi();
  const fn = useFunction();
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (change: FunctionChange) => api.updateFunction(fn.name, change, fn.etag),
    onSuccess: async () => {
      toast.done('Triggers saved');
      await queryClient.invalidateQueries({ queryKey: ['functions'] });
    },
    onError: (error) => toast.failed('Triggers were not saved', error),
  });
}

function RouteRow({
  route,
  origin,
  onRemove,
}: {
  readonly route: Route;
  readonly origin: string;
  readonly onRemove: () => void;
}) {
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line py-2 last:border-0">
      <span className="flex flex-wrap gap-1">
        {(route.methods.length === 0 ? ['ANY'] : route.methods).map((method) => (
          <Badge key={method} tone="info">
            {method}
          </Badge>
        ))}
      </span>
      <code className="min-w-0 font-mono text-sm break-all">
        <span className="text-faint">{origin}</span>
        {route.path}
      </code>
      <span className="text-xs text-faint">→ {route.alias}</span>
      <PermittedButton
        operation="updateFunction"
        size="small"
        tone="ghost"
        className="ml-auto"
        onClick={onRemove}
        aria-label={`Remove the route ${route.path}`}
      >
        Remove
      </PermittedButton>
    </li>
  );
}

function Routes() {
  const fn = useFunction();
  const save = useSaveTriggers();
  const keep = (routes: readonly Route[]) =>
    routes.map((route) => ({
      path: route.path,
      alias: route.alias,
      ...(route.methods.length === 0
        ? {}
        : { methods: httpMethods.filter((method) => route.methods.includes(method)) }),
    }));
  const origin = URL.canParse(fn.url) ? new URL(fn.url).origin : '';
  return (
    <Card title="HTTP routes" note="on the gateway">
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
              onRemove={() => save.mutate({ routes: keep(fn.routes.filter((other) => other.id !== route.id)) })}
            />
          ))}
        </ul>
      )}
      <RouteForm
        isBusy={save.isPending}
        onAdd={(route) =>
          save.mutateAsync({ routes: [...keep(fn.routes), route] }).then(
            () => true,
            () => false,
          )
        }
      />
    </Card>
  );
}

function ScheduleRow({
  schedule,
  now,
  onRun,
  onToggle,
  onRemove,
}: {
  readonly schedule: Schedule;
  readonly now: number;
  readonly onRun: () => void;
  readonly onToggle: () => void;
  readonly onRemove: () => void;
}) {
  const words = cronWords(schedule.cron);
  return (
    <li className="border-b border-line py-2.5 last:border-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <strong className="font-medium">{schedule.name}</strong>
        <code className="font-mono text-sm">{schedule.cron}</code>
        <span className="text-xs text-faint">{schedule.timeZone}</span>
        <Badge tone={schedule.enabled ? 'ok' : 'neutral'}>{schedule.enabled ? 'on' : 'paused'}</Badge>
        <span className="ml-auto flex gap-1">
          <PermittedButton
            operation="runSchedule"
            size="small"
            tone="ghost"
            onClick={onRun}
            aria-label={`Run now: ${schedule.name}`}
          >
            Run now
          </PermittedButton>
          <PermittedButton
            operation="updateFunction"
            size="small"
            tone="ghost"
            onClick={onToggle}
            aria-label={`${schedule.enabled ? 'Pause' : 'Resume'} ${schedule.name}`}
          >
            {schedule.enabled ? 'Pause' : 'Resume'}
          </PermittedButton>
          <PermittedButton
            operation="updateFunction"
            size="small"
            tone="ghost"
            onClick={onRemove}
            aria-label={`Remove ${schedule.name}`}
          >
            Remove
          </PermittedButton>
        </span>
      </div>
      {words !== undefined && <p className="tabular mt-1 text-sm">{words}</p>}
      <p className="tabular mt-1 text-xs text-muted">
        {schedule.enabled && schedule.nextTicks.length > 0
          ? `Next: ${schedule.nextTicks.map((tick) => formatDateTime(tick)).join(' · ')}`
          : 'No next tick'}
        {' · '}last {formatAgo(schedule.lastTickAt, now)} · after downtime: {schedule.misfire}
      </p>
    </li>
  );
}

function Schedules() {
  const fn = useFunction();
  const now = useNow();
  const save = useSaveTriggers();
  const api = useApi();
  const query = useQuery(queries.schedules(api, fn.name));
  const run = useMutation({
    mutationFn: (schedule: Schedule) => api.runSchedule(schedule.id),
    onSuccess: (accepted) => toast.done('Queued', accepted.id),
    onError: (error) => toast.failed('Not started', error),
  });
  return (
    <Card title="Schedules" note="asynchronous, with retries">
      <QueryView query={query} lines={3}>
        {({ items }) => (
          <>
            {items.length === 0 && (
              <EmptyState icon={<CalendarClock />} title="No schedule">
                A schedule calls the function at set times. <code className="font-mono text-text">*/5 * * * *</code> is
                every five minutes, <code className="font-mono text-text">0 3 * * 1-5</code> is at 3:00 on weekdays.
              </EmptyState>
            )}
            <ul>
              {items.map((schedule) => (
                <ScheduleRow
                  key={schedule.id}
                  schedule={schedule}
                  now={now}
                  onRun={() => run.mutate(schedule)}
                  onToggle={() =>
                    save.mutate({
                      schedules: items.map((item) => ({
                        ...inputOfSchedule(item),
                        enabled: item.id === schedule.id ? !item.enabled : item.enabled,
                      })),
                    })
                  }
                  onRemove={() =>
                    save.mutate({ schedules: items.filter((item) => item.id !== schedule.id).map(inputOfSchedule) })
                  }
                />
              ))}
            </ul>
            <ScheduleForm
              isBusy={save.isPending}
              taken={items.map((item) => item.name)}
              onAdd={(schedule) =>
                save.mutateAsync({ schedules: [...items.map(inputOfSchedule), schedule] }).then(
                  () => true,
                  () => false,
                )
              }
            />
          </>
        )}
      </QueryView>
    </Card>
  );
}

export function FunctionTriggersTab() {
  return (
    <div className="grid gap-4 xl:grid-cols-2">
      <Routes />
      <Schedules />
    </div>
  );
}
