import { formatClock, formatDateTime } from '../util/format.ts';
import { useTimeZone } from '../util/time-zone.ts';

export interface DateTimeProps {
  /** ISO 8601. Null: there is no such time, which is a dash. */
  readonly at: string | null | undefined;
  /** `clock`: the time of the day with milliseconds, `seconds`: without; `minute`: date and time without seconds. */
  readonly as?: 'full' | 'day' | 'clock' | 'seconds' | 'minute';
  readonly className?: string;
}

/** A time as it reads on the chosen clock. Only this is drawn again when the clock changes, and nothing that was typed beside it is lost. */
export function DateTime({ at, as = 'full', className }: DateTimeProps) {
  const zone = useTimeZone();
  const text = () => {
    if (as === 'clock' || as === 'seconds') return formatClock(at ?? '', zone, as === 'clock');
    const whole = formatDateTime(at, zone);
    if (as === 'day') return whole.slice(0, 10);
    return as === 'minute' ? whole.replace(/:\d\d(?= UTC$|$)/, '') : whole;
  };
  return (
    <time dateTime={at ?? undefined} className={className}>
      {text()}
    </time>
  );
}
