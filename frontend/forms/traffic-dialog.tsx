import { useState } from 'react';
import type { PutAlias } from '../../shared/api/functions.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field, Input } from '../ui/field.tsx';
import { splitTraffic, type Weighted } from '../util/traffic.ts';

export interface TrafficDialogProps {
  readonly present: number;
  readonly candidate: number;
  readonly isBusy: boolean;
  readonly onClose: () => void;
  /** `guard`: the platform takes the candidate back when it fails more than the present version, or is slower than it allows. */
  readonly onSave: (shares: readonly Weighted[], guard: TrafficGuard | undefined) => void;
}

/** As the API has it, but for the version that keeps the traffic. */
export type TrafficGuard = Pick<NonNullable<PutAlias['canary']>, 'maxP95Ratio'>;

/** How many times as slow the candidate may be; undefined where the text says none. */
function ratioOf(text: string): number | undefined {
  const ratio = text.trim() === '' ? Number.NaN : Number(text);
  return ratio >= 1 && ratio <= 1000 ? ratio : undefined;
}

/** Gives a version a part of the live traffic. */
export function TrafficDialog({ present, candidate, isBusy, onClose, onSave }: TrafficDialogProps) {
  const [percent, setPercent] = useState(10);
  const [isGuarded, setIsGuarded] = useState(true);
  const [isSlowGuarded, setIsSlowGuarded] = useState(false);
  const [times, setTimes] = useState('1.5');
  const maxP95Ratio = isGuarded && isSlowGuarded ? ratioOf(times) : undefined;
  const wrong = isGuarded && isSlowGuarded && maxP95Ratio === undefined ? 'A number from 1 to 1000' : undefined;
  const guard = maxP95Ratio === undefined ? {} : { maxP95Ratio };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Send part of the traffic to version ${candidate}`}
      description="Each call draws its version by these weights."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            tone="primary"
            isBusy={isBusy}
            disabledReason={wrong}
            onClick={() => onSave(splitTraffic(present, candidate, percent), isGuarded ? guard : undefined)}
          >
            Apply
          </Button>
        </>
      }
    >
      <Field label={`Share of version ${candidate}`} hint={`Version ${present} keeps ${100 - percent} %`}>
        {(control) => (
          <div className="flex items-center gap-3">
            <input
              {...control}
              type="range"
              min={0}
              max={100}
              step={5}
              value={percent}
              aria-valuetext={`${percent} per cent`}
              className="h-6 grow accent-accent"
              onChange={(event) => setPercent(Number(event.target.value))}
            />
            <output className="tabular w-12 text-right font-semibold">{percent} %</output>
          </div>
        )}
      </Field>
      <label className="mt-3 flex min-h-6 items-center gap-2 text-sm">
        <input type="checkbox" checked={isGuarded} onChange={(event) => setIsGuarded(event.target.checked)} />
        Take it back by itself when it fails more than version {present}
      </label>
      {isGuarded && (
        <div className="mt-1 ml-6 flex flex-col gap-2">
          <label className="flex min-h-6 items-center gap-2 text-sm">
            <input
              type="checkbox"
              checked={isSlowGuarded}
              onChange={(event) => setIsSlowGuarded(event.target.checked)}
            />
            Also when its p95 is much higher
          </label>
          {isSlowGuarded && (
            <Field
              label={`How many times that of version ${present}`}
              hint="Of the time in the handler, so that cold starts do not count"
              error={wrong}
            >
              {(control) => (
                <Input
                  {...control}
                  inputMode="decimal"
                  className="w-24!"
                  value={times}
                  onChange={(event) => setTimes(event.target.value)}
                />
              )}
            </Field>
          )}
        </div>
      )}
    </Dialog>
  );
}
