import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { CalendarClock } from 'lucide-react';
import type { Schedule } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { QueryView } from '../components/query-view.tsx';
import { ScheduleButtons } from '../components/schedule-buttons.tsx';
import { paths } from '../path-builder.ts';
import { Ago } from '../ui/ago.tsx';
import { Badge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { cronWords } from '../util/cron-words.ts';
import { formatAgo, formatDateTime } from '../util/format.ts';
import { useNow } from '../util/hooks.ts';
import { type TimeZone, useTimeZone } from '../util/time-zone.ts';

function columns(now: number, zone: TimeZone): readonly TableColumn<Schedule>[] {
  return [
    {
      id: 'name',
      label: 'Schedule',
      onPhone: 'bare',
      cell: (row) => (
        <Link to={paths.function(row.functionName, 'triggers')} className="font-medium text-text hover:underline">
          {row.functionName} <span className="font-normal text-muted">{row.name}</span>
        </Link>
      ),
    },
    {
      id: 'cron',
      label: 'When',
      onPhone: 'line',
      className: 'whitespace-nowrap',
      cell: (row) => (
        <>
          <code className="font-mono">{row.cron}</code> <span className="text-xs text-faint">{row.timeZone}</span>
          <span className="tabular block text-xs whitespace-normal text-muted">{cronWords(row.cron)}</span>
        </>
      ),
    },
    {
      id: 'state',
      label: 'State',
      onPhone: 'bare',
      cell: (row) => <Badge tone={row.enabled ? 'ok' : 'neutral'}>{row.enabled ? 'on' : 'paused'}</Badge>,
    },
    {
      id: 'next',
      label: 'Next',
      cell: (row) => (
        <span title={row.nextTicks.map((tick) => formatDateTime(tick, zone)).join('\n')} className="whitespace-nowrap">
          {row.enabled && row.nextTicks[0] !== undefined ? formatAgo(row.nextTicks[0], now) : '–'}
          {row.wouldRunAt !== null && (
            <span className="ml-2 text-xs text-faint">
              would run <Ago at={row.wouldRunAt} now={now} />
            </span>
          )}
          {row.enabled && row.nextTicks.length > 1 && (
            <span className="ml-2 hidden text-xs text-faint xl:inline">
              then{' '}
              {row.nextTicks
                .slice(1, 3)
                .map((tick) => formatDateTime(tick, zone))
                .join(', ')}
            </span>
          )}
        </span>
      ),
    },
    { id: 'last', label: 'Last', isSecondary: true, cell: (row) => <Ago at={row.lastTickAt} now={now} /> },
    { id: 'misfire', label: 'After downtime', isSecondary: true, cell: (row) => row.misfire },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isNumber: true,
      onPhone: 'line',
      cell: (row) => (
        <span className="inline-flex gap-1 max-sm:-ml-2">
          <ScheduleButtons schedule={row} name={`${row.functionName} ${row.name}`} />
        </span>
      ),
    },
  ];
}

export function SchedulesPage() {
  const api = useApi();
  const now = useNow();
  const zone = useTimeZone();
  const query = useInfiniteQuery(queries.allSchedules(api));
  return (
    <>
      <PageHeader
        title="Schedules"
        note="What runs by itself, and when next. Times and payloads are changed on the function's page Triggers."
      />
      <Card isFlush>
        <div className={query.data === undefined ? 'p-4' : ''}>
          <QueryView query={query} lines={4}>
            {({ pages }) =>
              pages.every(({ items }) => items.length === 0) ? (
                <EmptyState icon={<CalendarClock />} title="No schedules">
                  A schedule calls a function at set times, through the durable queue and with its retries. Add one on
                  the page Triggers of a function, or start from the template “Scheduled clean-up”.
                </EmptyState>
              ) : (
                <Table
                  label="Schedules"
                  columns={columns(now, zone)}
                  isStacked
                  rows={pages.flatMap(({ items }) => items)}
                  rowKey={(row) => row.id}
                />
              )
            }
          </QueryView>
        </div>
        <LoadMore query={query} />
      </Card>
    </>
  );
}
