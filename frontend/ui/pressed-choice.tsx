import type { ReactNode } from 'react';
import { classes } from './classes.ts';

export interface PressedChoiceProps {
  /** For screen readers. */
  readonly legend: string;
  readonly items: readonly { readonly id: string; readonly label: string }[];
  /** The id of the item that is pressed; of none when nothing is chosen. */
  readonly chosen: string;
  readonly onChoose: (id: string) => void;
  readonly className?: string;
  /** Behind the items, in the same frame. */
  readonly children?: ReactNode;
}

/** A row of buttons of which one is pressed. */
export function PressedChoice({ legend, items, chosen, onChoose, className, children }: PressedChoiceProps) {
  return (
    <fieldset className={classes('flex rounded-md border border-line-strong bg-surface p-0.5', className)}>
      <legend className="sr-only">{legend}</legend>
      {items.map(({ id, label }) => (
        <button
          key={id}
          type="button"
          aria-pressed={id === chosen}
          onClick={() => onChoose(id)}
          className={classes(
            'h-6.5 min-w-6 rounded px-2 text-sm whitespace-nowrap',
            id === chosen ? 'bg-raised font-medium text-text' : 'text-muted hover:text-text',
          )}
        >
          {label}
        </button>
      ))}
      {children}
    </fieldset>
  );
}
