import { useId } from 'react';
import { classes } from './classes.ts';
import { Tooltip } from './tooltip.tsx';

/** On or off, at once: `label` names what is on. Reachable while busy, so that the focus stays where it is. */
export function Switch(props: {
  readonly label: string;
  readonly isOn: boolean;
  readonly isBusy?: boolean;
  readonly describedBy?: string;
  /** Why it cannot be changed now. It stays reachable, so that the reason can be read. */
  readonly disabledReason?: string | undefined;
  readonly onChange: (isOn: boolean) => void;
}) {
  const isDisabled = props.isBusy === true || props.disabledReason !== undefined;
  const reasonId = useId();
  const describedBy = [props.disabledReason === undefined ? undefined : reasonId, props.describedBy];
  const button = (
    <button
      type="button"
      role="switch"
      aria-checked={props.isOn}
      aria-disabled={isDisabled || undefined}
      aria-describedby={describedBy.filter((id) => id !== undefined).join(' ') || undefined}
      onClick={() => {
        if (!isDisabled) props.onChange(!props.isOn);
      }}
      className="inline-flex min-h-7 items-center gap-2.5 text-sm font-medium aria-disabled:opacity-60"
    >
      <span
        aria-hidden="true"
        className={classes(
          'flex h-5 w-9 shrink-0 items-center rounded-full border p-0.5 transition-colors',
          props.isOn ? 'justify-end border-accent bg-accent' : 'justify-start border-control bg-raised',
        )}
      >
        <span className={classes('size-3.5 rounded-full', props.isOn ? 'bg-accent-on' : 'bg-control')} />
      </span>
      {props.label}
    </button>
  );
  if (props.disabledReason === undefined) return button;
  return (
    <>
      <Tooltip text={props.disabledReason}>{button}</Tooltip>
      <span id={reasonId} hidden>
        {props.disabledReason}
      </span>
    </>
  );
}
