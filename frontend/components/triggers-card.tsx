import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import type { FunctionDocument, Schedule } from '../../shared/api/functions.ts';
import { defaultPathOf } from '../../shared/names.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { buttonClasses } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { formatAgo, formatDateTime, formatSpan } from '../util/format.ts';
import { useNow } from '../util/hooks.ts';
import { useTimeZone } from '../util/time-zone.ts';

/** Only functions with schedules need the words. */
const CronText = lazy(() => import('./cron-text.tsx').then((module) => ({ default: module.CronText })));

/** Of each kind; the others are one click away. */
const shown = 5;

function Group(props: { readonly name: string; readonly rest?: number; readonly children: ReactNode }) {
  return (
    <div className="border-b border-line py-2.5 first:pt-0 last:border-0 last:pb-0">
      <dt className="mb-1 text-xs text-faint">{props.name}</dt>
      <dd className="flex flex-col gap-1 text-sm">
        {props.children}
        {(props.rest ?? 0) > 0 && <span className="text-xs text-faint">and {props.rest} more</span>}
      </dd>
    </div>
  );
}

function Routes({ fn }: { readonly fn: FunctionDocument }) {
  const own = fn.routes.map(({ id, path, methods }) => ({ id, path, methods: methods.join(', ') || 'ANY' }));
  // Without routes of its own: the address of every function.
  const path = URL.canParse(fn.url) ? new URL(fn.url).pathname : defaultPathOf(fn.name);
  const routes = own.length > 0 ? own : [{ id: 'default', path: `${path} and below`, methods: 'ANY' }];
  return (
    <Group name="HTTP" rest={routes.length - shown}>
      {routes.slice(0, shown).map((route) => (
        <span key={route.id} className="min-w-0">
          <span className="text-xs text-muted">{route.methods}</span>{' '}
          <code className="font-mono break-all">{route.path}</code>
        </span>
      ))}
    </Group>
  );
}

function nextText({ enabled, nextTicks }: Schedule, now: number): string {
  if (!enabled) return 'paused';
  const [next] = nextTicks;
  return next === undefined ? 'does not run' : `next ${formatAgo(next, now)}`;
}

function Schedules({ fn }: { readonly fn: FunctionDocument }) {
  const now = useNow();
  const zone = useTimeZone();
  const { data } = useQuery(queries.schedules(useApi(), fn.name));
  const schedules = data?.items ?? [];
  return (
    <Group name="Schedules" rest={schedules.length - shown}>
      {schedules.length === 0 && <span className="text-muted">{data === undefined ? 'Loading' : 'None'}</span>}
      {schedules.slice(0, shown).map((schedule) => (
        <span key={schedule.id} className="flex flex-wrap items-baseline justify-between gap-x-3">
          <span className="min-w-0">
            {schedule.name}{' '}
            <span className="text-xs text-muted">
              <Suspense fallback={schedule.cron}>
                <CronText cron={schedule.cron} />
              </Suspense>
            </span>
          </span>
          <span
            title={schedule.nextTicks.map((tick) => formatDateTime(tick, zone)).join('\n')}
            className="tabular text-muted"
          >
            {nextText(schedule, now)}
          </span>
        </span>
      ))}
    </Group>
  );
}

function Asynchronous({ retry }: Pick<VersionConfig, 'retry'>) {
  const attempts = retry.maxAttempts === 1 ? 'one attempt' : `up to ${retry.maxAttempts} attempts`;
  return (
    <Group name="Asynchronous calls">
      <span>
        {attempts} within {formatSpan(retry.maxAgeMs)}, then a{' '}
        <Link to={paths.deadLetters()} className="text-accent underline">
          dead letter
        </Link>
      </span>
    </Group>
  );
}

/** Everything that calls the function: addresses, schedules with their next run, and what becomes of queued calls. */
export function TriggersCard(props: { readonly fn: FunctionDocument; readonly config: VersionConfig | undefined }) {
  const { fn, config } = props;
  return (
    <Card
      title="Triggers"
      actions={
        <Link to={paths.function(fn.name, 'triggers')} className={buttonClasses('ghost', 'small')}>
          Change them
        </Link>
      }
    >
      <dl>
        <Routes fn={fn} />
        <Schedules fn={fn} />
        {config !== undefined && <Asynchronous retry={config.retry} />}
      </dl>
    </Card>
  );
}
