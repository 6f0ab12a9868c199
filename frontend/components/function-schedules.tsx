import { useQuery } from '@tanstack/react-query';
import { CalendarClock } from 'lucide-react';
import { useState } from 'react';
import type { Schedule, ScheduleInput } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { inputOfSchedule } from '../forms/schedule-draft.ts';
import { ScheduleForm } from '../forms/schedule-form.tsx';
import { Ago } from '../ui/ago.tsx';
import { Badge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { toast } from '../ui/toast.tsx';
import { cronWords } from '../util/cron-words.ts';
import { formatDateTime } from '../util/format.ts';
import { useNow } from '../util/hooks.ts';
import { type TimeZone, useTimeZone } from '../util/time-zone.ts';
import { PermittedButton } from './permitted-button.tsx';
import { QueryView } from './query-view.tsx';
import { ScheduleButtons } from './schedule-buttons.tsx';
import { ScheduleRuns } from './schedule-runs.tsx';
import { useFunction } from './use-function.ts';
import { useAliasNames, useSaveTriggers } from './use-save-triggers.ts';

interface ScheduleRowProps {
  readonly schedule: Schedule;
  readonly others: readonly Schedule[];
  /** All schedules, with this one changed, or without it. */
  readonly withChange: (change: ScheduleInput | undefined) => ScheduleInput[];
}

/** When it runs next; of a paused one, when it would. */
function nextText({ enabled, nextTicks, wouldRunAt }: Schedule, zone: TimeZone): string {
  if (!enabled) return wouldRunAt === null ? 'Paused' : `Paused; would run ${formatDateTime(wouldRunAt, zone)}`;
  const ticks = nextTicks.map((tick) => formatDateTime(tick, zone));
  return ticks.length > 0 ? `Next: ${ticks.join(' · ')}` : 'No next tick';
}

interface ActionsProps {
  readonly schedule: Schedule;
  readonly isEditing: boolean;
  readonly isBusy: boolean;
  readonly onEdit: () => void;
  readonly onRemove: () => void;
}

function Actions({ schedule, isEditing, isBusy, onEdit, onRemove }: ActionsProps) {
  const button = { size: 'small', tone: 'ghost' } as const;
  return (
    <span className="ml-auto flex flex-wrap gap-1">
      <ScheduleButtons schedule={schedule} name={schedule.name} />
      <PermittedButton
        operation="updateFunction"
        {...button}
        aria-expanded={isEditing}
        onClick={onEdit}
        aria-label={`Change ${schedule.name}`}
      >
        Change
      </PermittedButton>
      <PermittedButton
        operation="updateFunction"
        {...button}
        isBusy={isBusy}
        onClick={onRemove}
        aria-label={`Remove ${schedule.name}`}
      >
        Remove
      </PermittedButton>
    </span>
  );
}

/** One schedule: when it runs, what it did, and a form in its place to change it. */
function ScheduleRow({ schedule, others, withChange }: ScheduleRowProps) {
  const [isEditing, setIsEditing] = useState(false);
  const now = useNow();
  const zone = useTimeZone();
  const aliases = useAliasNames();
  const save = useSaveTriggers();
  const words = cronWords(schedule.cron);
  return (
    <li className="border-b border-line py-2.5 last:border-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <strong className="font-medium">{schedule.name}</strong>
        <code className="font-mono text-sm">{schedule.cron}</code>
        <span className="text-xs text-faint">{schedule.timeZone}</span>
        <Badge tone={schedule.enabled ? 'ok' : 'neutral'}>{schedule.enabled ? 'on' : 'paused'}</Badge>
        <Actions
          schedule={schedule}
          isEditing={isEditing}
          isBusy={save.isPending}
          onEdit={() => {
            setIsEditing(!isEditing);
            save.reset();
          }}
          onRemove={() =>
            save.mutate(
              { schedules: withChange(undefined) },
              { onError: (error) => toast.failed('The schedule was not removed', error) },
            )
          }
        />
      </div>
      {words !== undefined && <p className="tabular mt-1 text-sm">{words}</p>}
      <p className="tabular mt-1 text-xs text-muted">
        {nextText(schedule, zone)}
        {' · '}last <Ago at={schedule.lastTickAt} now={now} /> · after downtime: {schedule.misfire}
      </p>
      {isEditing ? (
        <ScheduleForm
          schedule={schedule}
          taken={others.map(({ name }) => name)}
          aliases={aliases}
          isBusy={save.isPending}
          error={save.error}
          onSave={(change) => save.mutate({ schedules: withChange(change) }, { onSuccess: () => setIsEditing(false) })}
          onCancel={() => setIsEditing(false)}
        />
      ) : (
        <div className="mt-1.5">
          <ScheduleRuns id={schedule.id} />
        </div>
      )}
    </li>
  );
}

/** The schedules of the function of the address, to be added, changed, paused, run and removed. */
export function FunctionSchedules() {
  const fn = useFunction();
  const add = useSaveTriggers();
  const aliases = useAliasNames();
  const query = useQuery(queries.schedules(useApi(), fn.name));
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
                  others={items.filter((other) => other !== schedule)}
                  withChange={(change) =>
                    items.flatMap((other) => (other === schedule ? (change ?? []) : inputOfSchedule(other)))
                  }
                />
              ))}
            </ul>
            <ScheduleForm
              isBusy={add.isPending}
              taken={items.map(({ name }) => name)}
              aliases={aliases}
              error={add.error}
              onSave={(schedule, onDone) =>
                add.mutate({ schedules: [...items.map(inputOfSchedule), schedule] }, { onSuccess: onDone })
              }
            />
          </>
        )}
      </QueryView>
    </Card>
  );
}
