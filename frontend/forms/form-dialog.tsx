import { type ReactNode, useId } from 'react';
import { processServerError } from '../api/server-error.ts';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Dialog } from '../ui/dialog.tsx';

export interface FormDialogProps {
  readonly title: string;
  /** What the button says that sends the form. */
  readonly submit: ReactNode;
  /** Why the form cannot be sent yet. */
  readonly reason: string | undefined;
  readonly isBusy: boolean;
  /** Why the platform refused it, to be shown below the fields. */
  readonly error: unknown;
  readonly onSubmit: () => void;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A form in a dialog that is open: sent once at a time, and only when nothing speaks against it. */
export function FormDialog({ title, submit, reason, isBusy, error, onSubmit, onClose, children }: FormDialogProps) {
  const id = useId();
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={title}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form={id} tone="primary" isBusy={isBusy} disabledReason={reason}>
            {submit}
          </Button>
        </>
      }
    >
      <form
        id={id}
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (reason === undefined && !isBusy) onSubmit();
        }}
      >
        {children}
        {error !== null && <ErrorCallout error={processServerError(error)} />}
      </form>
    </Dialog>
  );
}
