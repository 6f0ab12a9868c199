import { useState } from 'react';
import { Field, Input } from '../ui/field.tsx';
import { ConfirmDialog } from './confirm-dialog.tsx';

export interface PromoteDialogProps {
  readonly functionName: string;
  readonly version: number;
  /** The version was live before. */
  readonly isRollback: boolean;
  readonly isBusy: boolean;
  readonly onClose: () => void;
  /** `message` says why; it may be empty. */
  readonly onConfirm: (message: string) => void;
}

/** Asks before a version gets all live traffic, and for the reason. */
export function PromoteDialog({ functionName, version, isRollback, isBusy, onClose, onConfirm }: PromoteDialogProps) {
  const [message, setMessage] = useState('');
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={`Make version ${version} live?`}
      action={isRollback ? `Roll back to v${version}` : `Make v${version} live`}
      isBusy={isBusy}
      onConfirm={() => onConfirm(message)}
    >
      <div className="flex flex-col gap-3">
        <p>
          All new calls of <strong>{functionName}</strong> go to version {version} at once. Calls that are running end
          in the version they began in. Nothing is rebuilt, and going back is the same click.
        </p>
        <Field
          label="Reason (optional)"
          hint="Shown with the versions until the next move, and kept in the audit trail"
        >
          {(control) => (
            <Input {...control} maxLength={1000} value={message} onChange={(event) => setMessage(event.target.value)} />
          )}
        </Field>
      </div>
    </ConfirmDialog>
  );
}
