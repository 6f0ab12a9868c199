import { ConfirmDialog } from '../forms/confirm-dialog.tsx';

/** Asks before functions stop answering, and says what that means for whom. */
export function DisableDialog(props: {
  readonly names: readonly string[];
  readonly isOpen: boolean;
  readonly isBusy: boolean;
  readonly onClose: () => void;
  readonly onConfirm: () => void;
}) {
  const { names, ...rest } = props;
  const what = names.length === 1 ? names[0] : `${names.length} functions`;
  return (
    <ConfirmDialog {...rest} title={`Disable ${what}?`} action={`Disable ${what}`} isDangerous>
      <p>
        Callers get 503 from now on. Schedules skip their ticks, and queued calls wait until the function is enabled
        again. Nothing is deleted.
      </p>
      {names.length > 1 && <p className="mt-2 text-muted wrap-anywhere">{listOf(names)}</p>}
    </ConfirmDialog>
  );
}

const shown = 12;

function listOf(names: readonly string[]): string {
  const rest = names.length - shown;
  return names.slice(0, shown).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
