import type { ReactNode } from 'react';
import { classes } from './classes.ts';

export interface CardProps {
  readonly title?: ReactNode;
  readonly note?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  readonly className?: string;
  /** Without padding, for tables that reach the edge. */
  readonly isFlush?: boolean;
}

/** A titled surface. */
export function Card({ title, note, actions, children, className, isFlush }: CardProps) {
  const hasHead = title !== undefined || actions !== undefined;
  return (
    <section className={classes('min-w-0 rounded-lg border border-line bg-surface', className)}>
      {hasHead && (
        <header className="flex flex-wrap items-center justify-between gap-x-3 gap-y-1 border-b border-line px-4 py-2">
          <div className="flex min-w-0 flex-wrap items-baseline gap-x-2">
            {title !== undefined && <h2 className="text-base font-semibold">{title}</h2>}
            {note !== undefined && <span className="text-xs text-faint">{note}</span>}
          </div>
          {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
        </header>
      )}
      <div className={isFlush === true ? '' : 'p-4'}>{children}</div>
    </section>
  );
}
