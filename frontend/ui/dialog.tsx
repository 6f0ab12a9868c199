import { X } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { IconButton } from './button.tsx';
import { classes } from './classes.ts';

export interface DialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly description?: ReactNode;
  readonly children: ReactNode;
  readonly footer?: ReactNode;
  /** `side`: a panel at the right edge, for details beside a list. */
  readonly shape?: 'centre' | 'side';
}

const shapes = {
  centre: 'left-1/2 top-[12vh] w-[min(34rem,calc(100vw-1.5rem))] max-h-[80vh] -translate-x-1/2 rounded-lg',
  side: 'right-0 top-0 h-full w-[min(46rem,100vw)] border-y-0 border-r-0',
} as const;

export function Dialog({ isOpen, onClose, title, description, children, footer, shape = 'centre' }: DialogProps) {
  return (
    <Radix.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="dialog-overlay fixed inset-0 z-40 bg-[#0008]" />
        <Radix.Content
          tabIndex={-1}
          onOpenAutoFocus={(event) => {
            // Not the close button, whose tooltip would open: a field that asked for the focus keeps it, else the dialog has it.
            event.preventDefault();
            const content = event.currentTarget;
            if (content instanceof HTMLElement && !content.contains(document.activeElement)) content.focus();
          }}
          {...(description === undefined ? { 'aria-describedby': undefined } : {})}
          className={classes(
            'dialog-content fixed z-40 flex flex-col border outline-none border-line-strong bg-surface shadow-2xl',
            shapes[shape],
          )}
        >
          <header className="flex items-start justify-between gap-3 border-b border-line px-4 py-3">
            <div className="min-w-0">
              <Radix.Title className="text-lg font-semibold break-words">{title}</Radix.Title>
              {description !== undefined && (
                <Radix.Description className="mt-0.5 text-sm text-muted">{description}</Radix.Description>
              )}
            </div>
            <Radix.Close asChild>
              <IconButton label="Close">
                <X className="size-4" aria-hidden="true" />
              </IconButton>
            </Radix.Close>
          </header>
          <div className="min-h-0 grow overflow-y-auto p-4">{children}</div>
          {footer !== undefined && (
            <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-4 py-3">{footer}</footer>
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
