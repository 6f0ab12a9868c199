import type { ComponentProps, ReactNode } from 'react';
import { classes } from './classes.ts';
import { Spinner } from './spinner.tsx';
import { Tooltip } from './tooltip.tsx';

export type ButtonTone = 'primary' | 'plain' | 'ghost' | 'danger';

const tones: Readonly<Record<ButtonTone, string>> = {
  primary: 'bg-accent text-accent-on border-transparent hover:bg-accent-strong font-medium',
  plain: 'bg-surface text-text border-line-strong hover:bg-raised',
  ghost: 'bg-transparent text-muted border-transparent hover:bg-raised hover:text-text',
  danger: 'bg-surface text-danger border-danger hover:bg-danger-soft',
};

/** The look of a button, for links that act like one. */
export function buttonClasses(tone: ButtonTone = 'plain', size: 'small' | 'normal' = 'normal'): string {
  return classes(
    'inline-flex items-center justify-center gap-1.5 whitespace-nowrap rounded-md border no-underline transition-colors select-none',
    size === 'small' ? 'h-7 px-2 text-sm' : 'h-8 px-3 text-sm',
    'disabled:cursor-not-allowed disabled:opacity-60 aria-disabled:cursor-not-allowed aria-disabled:opacity-60',
    tones[tone],
  );
}

export interface ButtonProps extends Omit<ComponentProps<'button'>, 'disabled'> {
  readonly tone?: ButtonTone;
  readonly size?: 'small' | 'normal';
  readonly icon?: ReactNode;
  readonly isBusy?: boolean;
  /** Why the button cannot be used now. It stays reachable, so that the reason can be read. */
  readonly disabledReason?: string | undefined;
}

export function Button({ tone, size, icon, isBusy, disabledReason, children, onClick, ...rest }: ButtonProps) {
  const isDisabled = disabledReason !== undefined || isBusy === true;
  const button = (
    <button
      type="button"
      {...rest}
      aria-disabled={isDisabled || undefined}
      aria-busy={isBusy || undefined}
      onClick={(event) => {
        if (isDisabled) event.preventDefault();
        else onClick?.(event);
      }}
      className={classes(buttonClasses(tone, size), rest.className)}
    >
      {isBusy === true ? <Spinner /> : icon}
      {children}
    </button>
  );
  // Around it in either case: a button that was made anew when the reason comes or goes would lose the focus.
  return <Tooltip text={disabledReason}>{button}</Tooltip>;
}

/** A button that shows only an icon; `label` is its name. */
export function IconButton({ label, children, ...rest }: { readonly label: string } & Omit<ButtonProps, 'icon'>) {
  return (
    <Tooltip text={label}>
      <Button
        tone="ghost"
        size="small"
        {...rest}
        aria-label={label}
        className={classes('min-w-7 !px-1', rest.className)}
      >
        {children}
      </Button>
    </Tooltip>
  );
}
