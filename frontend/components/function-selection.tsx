import { useState } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import { Button } from '../ui/button.tsx';
import { DisableDialog } from './disable-dialog.tsx';
import { PermittedButton } from './permitted-button.tsx';
import type { Selection } from './use-selection.ts';
import { useSetEnabled } from './use-set-enabled.ts';

/** What can be done with the functions that are chosen among those that the list shows. */
export function FunctionSelection({
  functions,
  selection,
}: {
  readonly functions: readonly FunctionDocument[];
  readonly selection: Selection;
}) {
  // What the question names is what it is about, whatever the list shows by the time of the answer.
  const [asked, setAsked] = useState<readonly string[]>([]);
  const setEnabled = useSetEnabled(() => {
    setAsked([]);
    selection.choose([]);
  });
  // What a search hides is not acted on.
  const chosen = functions.filter(({ id }) => selection.ids.has(id));
  const namesOf = (enabled: boolean) => chosen.filter((fn) => fn.enabled === enabled).map(({ name }) => name);
  const [on, off] = [namesOf(true), namesOf(false)];
  const none = chosen.length === 0 ? 'Select functions first' : undefined;
  return (
    <div className="flex flex-wrap items-center gap-x-2 gap-y-1 border-b border-line px-4 py-1.5">
      <span role="status" className="tabular mr-auto text-sm text-muted">
        {chosen.length} selected
      </span>
      {chosen.length > 0 && (
        <Button tone="ghost" size="small" onClick={() => selection.choose([])}>
          Select none
        </Button>
      )}
      <Button tone="ghost" size="small" onClick={() => selection.choose(functions.map(({ id }) => id))}>
        Select all {functions.length}
      </Button>
      <PermittedButton
        operation="updateFunction"
        size="small"
        isBusy={setEnabled.isPending}
        disabledReason={none ?? (off.length === 0 ? 'All of them are enabled' : undefined)}
        onClick={() => setEnabled.mutate({ names: off, enabled: true })}
      >
        Enable
      </PermittedButton>
      <PermittedButton
        operation="updateFunction"
        size="small"
        isBusy={setEnabled.isPending}
        disabledReason={none ?? (on.length === 0 ? 'All of them are disabled' : undefined)}
        onClick={() => setAsked(on)}
      >
        Disable
      </PermittedButton>
      <DisableDialog
        names={asked}
        isOpen={asked.length > 0}
        isBusy={setEnabled.isPending}
        onClose={() => setAsked([])}
        onConfirm={() => setEnabled.mutate({ names: asked, enabled: false })}
      />
    </div>
  );
}
