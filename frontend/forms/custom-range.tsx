import { useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field, Input } from '../ui/field.tsx';
import { fixedRange, type TimeRange, windowOf } from '../util/time-range.ts';
import { type TimeZone, useTimeZone, wallClock } from '../util/time-zone.ts';

export interface CustomRangeDialogProps {
  readonly range: TimeRange;
  readonly onChoose: (range: TimeRange) => void;
  readonly onClose: () => void;
}

/** Time on a clock as `<input type="datetime-local">` wants it. */
function localText(at: string, zone: TimeZone): string {
  const { year, month, day, hours, minutes, seconds } = wallClock(Date.parse(at), zone);
  return `${year}-${month}-${day}T${hours}:${minutes}:${seconds}`;
}

const parseLocal = (text: string, zone: TimeZone): number => Date.parse(zone === 'utc' ? `${text}Z` : text);

/** The same as dragging in a chart, for the keyboard and for exact times. */
export function CustomRangeDialog({ range, onChoose, onClose }: CustomRangeDialogProps) {
  const zone = useTimeZone();
  const [[from, to], setTimes] = useState(() => {
    const window = windowOf(range, Date.now());
    return [localText(window.from, zone), localText(window.to, zone)] as const;
  });
  const chosen = fixedRange(parseLocal(from, zone), parseLocal(to, zone));
  const error = chosen === undefined ? 'The first time has to be before the second, by at most 400 days' : undefined;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Choose two times"
      description={`${zone === 'utc' ? 'In UTC' : 'In the time zone of this browser'}. Dragging across a chart does the same.`}
    >
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (chosen === undefined) return;
          onChoose(chosen);
          onClose();
        }}
      >
        <Field label="From">
          {(control) => (
            <Input
              {...control}
              autoFocus
              type="datetime-local"
              step={1}
              value={from}
              onChange={(event) => setTimes([event.target.value, to])}
            />
          )}
        </Field>
        <Field label="To" error={error}>
          {(control) => (
            <Input
              {...control}
              type="datetime-local"
              step={1}
              value={to}
              onChange={(event) => setTimes([from, event.target.value])}
            />
          )}
        </Field>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" tone="primary" disabledReason={error}>
            Show
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
