import { useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { splitTraffic, type Weighted } from '../util/traffic.ts';

export interface TrafficDialogProps {
  readonly present: number;
  readonly candidate: number;
  readonly isBusy: boolean;
  readonly onClose: () => void;
  /** `isGuarded`: the platform takes the candidate back when it fails more than the present version. */
  readonly onSave: (shares: readonly Weighted[], isGuarded: boolean) => void;
}

/** Gives a version a part of the live traffic. */
export function TrafficDialog({ present, candidate, isBusy, onClose, onSave }: TrafficDialogProps) {
  const [percent, setPercent] = useState(10);
  const [isGuarded, setIsGuarded] = useState(true);
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
            onClick={() => onSave(splitTraffic(present, candidate, percent), isGuarded)}
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
    </Dialog>
  );
}
