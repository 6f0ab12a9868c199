import { Globe } from 'lucide-react';
import { Button } from '../ui/button.tsx';
import { setTimeZone, useTimeZone } from '../util/time-zone.ts';

/** Shows all times in UTC, or on the clock of this computer. */
export function TimeZonePicker() {
  const isUtc = useTimeZone() === 'utc';
  return (
    <Button
      size="small"
      tone="ghost"
      title={isUtc ? 'Show times on the clock of this computer' : 'Show times in UTC'}
      icon={<Globe className="size-3.5" aria-hidden="true" />}
      onClick={() => setTimeZone(isUtc ? 'local' : 'utc')}
    >
      {isUtc ? 'UTC' : 'Local'}
    </Button>
  );
}
