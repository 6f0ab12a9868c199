import { type MouseEvent, useId, useState } from 'react';
import type { FieldChange } from '../../shared/version-changes.ts';
import { Button } from '../ui/button.tsx';
import { classes } from '../ui/classes.ts';
import { Field, Input } from '../ui/field.tsx';
import { counted } from '../util/format.ts';
import { FieldChanges } from './field-changes.tsx';
import { PermittedButton } from './permitted-button.tsx';

export interface ChangesBarProps {
  readonly changes: readonly FieldChange[];
  /** Something was changed, which may not be right yet. */
  readonly isChanged: boolean;
  /** What is wrong, one text for each field. */
  readonly errors: readonly string[];
  readonly isBusy: boolean;
  /** Why the version exists, kept with it. */
  readonly message: string;
  readonly onMessage: (message: string) => void;
  readonly onDiscard: () => void;
}

const barLink = 'min-h-7 rounded-md font-medium underline';

/** Goes to the first field of the form that is marked as wrong. */
function showFirstError({ currentTarget }: MouseEvent<HTMLButtonElement>): void {
  currentTarget.form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}

/** Stays at the lower edge while a form is longer than the window: how much was changed, what exactly, and the way on. */
export function ChangesBar({ changes, isChanged, errors, isBusy, message, onMessage, onDiscard }: ChangesBarProps) {
  const [error] = errors;
  const [isOpen, setIsOpen] = useState(false);
  const panelId = useId();
  const canOpen = isOpen && isChanged && error === undefined;
  return (
    <div className="sticky bottom-0 z-20 -mx-4 -mb-4 rounded-b-lg border-t border-line-strong bg-surface px-4 py-2">
      {canOpen && (
        <div id={panelId} className="mb-2 flex max-h-[45vh] flex-col gap-3 overflow-y-auto pb-1">
          <FieldChanges title="What changes" fields={changes} />
          <Field label="Why" hint="Kept with the version; may be empty">
            {(control) => (
              <Input
                {...control}
                maxLength={1000}
                value={message}
                onChange={(event) => onMessage(event.target.value)}
              />
            )}
          </Field>
        </div>
      )}
      <div className="flex flex-wrap items-center justify-end gap-2">
        <p role="status" className="mr-auto text-sm">
          {error !== undefined && isChanged ? (
            <button type="button" className={classes(barLink, 'text-danger')} onClick={showFirstError}>
              {counted(errors.length, 'field')} to mend
            </button>
          ) : isChanged ? (
            <button
              type="button"
              aria-expanded={canOpen}
              aria-controls={canOpen ? panelId : undefined}
              className={classes(barLink, 'text-accent')}
              onClick={() => setIsOpen(!isOpen)}
            >
              {counted(changes.length, 'change')}
            </button>
          ) : (
            <span className="text-muted">No changes</span>
          )}
        </p>
        {isChanged && (
          <Button tone="ghost" onClick={onDiscard}>
            Discard
          </Button>
        )}
        <PermittedButton
          operation="createVersion"
          type="submit"
          tone="primary"
          isBusy={isBusy}
          disabledReason={isChanged ? error : 'Nothing was changed'}
        >
          Save as new version
        </PermittedButton>
      </div>
    </div>
  );
}
