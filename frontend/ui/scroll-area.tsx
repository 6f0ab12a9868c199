import type { ReactNode, RefObject, UIEventHandler } from 'react';

export interface ScrollAreaProps {
  readonly label: string;
  readonly className?: string;
  readonly children: ReactNode;
  /** `log` for what grows at its end. */
  readonly role?: 'log';
  readonly areaRef?: RefObject<HTMLElement | null>;
  readonly onScroll?: UIEventHandler<HTMLElement>;
}

/** A named area that scrolls by itself, and that the keyboard can reach to do so (WCAG 2.1.1). */
export function ScrollArea({ label, className, children, role, areaRef, onScroll }: ScrollAreaProps) {
  return (
    <section
      ref={areaRef}
      role={role}
      aria-label={label}
      aria-live={role === 'log' ? 'off' : undefined}
      tabIndex={0}
      onScroll={onScroll}
      className={className}
    >
      {children}
    </section>
  );
}
