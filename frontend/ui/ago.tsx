import { formatAgo, formatDateTime } from '../util/format.ts';
import { useTimeZone } from '../util/time-zone.ts';

export interface AgoProps {
  /** Null: it never was. */
  readonly at: string | null | undefined;
  /** Milliseconds since 1970, as `useNow` gives it. */
  readonly now: number;
}

/** `5 min ago`, with the date and time for whoever points at it. */
export function Ago({ at, now }: AgoProps) {
  const zone = useTimeZone();
  if (at === null || at === undefined) return <>{formatAgo(at, now)}</>;
  return (
    <time dateTime={at} title={formatDateTime(at, zone)} className="whitespace-nowrap">
      {formatAgo(at, now)}
    </time>
  );
}
