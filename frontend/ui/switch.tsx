import { classes } from './classes.ts';

/** On or off, at once: `label` names what is on. Reachable while busy, so that the focus stays where it is. */
export function Switch(props: {
  readonly label: string;
  readonly isOn: boolean;
  readonly isBusy?: boolean;
  readonly describedBy?: string;
  readonly onChange: (isOn: boolean) => void;
}) {
  const isBusy = props.isBusy === true;
  return (
    <button
      type="button"
      role="switch"
      aria-checked={props.isOn}
      aria-disabled={isBusy || undefined}
      aria-describedby={props.describedBy}
      onClick={() => {
        if (!isBusy) props.onChange(!props.isOn);
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
}
