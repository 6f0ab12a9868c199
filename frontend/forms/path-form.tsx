import { useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Input } from '../ui/field.tsx';
import type { Files } from './draft.ts';
import { fileNameError } from './names.ts';

interface PathFormProps {
  readonly label: string;
  readonly action: string;
  readonly first: string;
  /** Which the path must not collide with. */
  readonly others: Files;
  readonly onDone: (path: string) => void;
  readonly onCancel: () => void;
}

/** Asks for a path; folders come into being by being named. */
export function PathForm({ label, action, first, others, onDone, onCancel }: PathFormProps) {
  const [path, setPath] = useState(first);
  const [error, setError] = useState<string | undefined>();
  return (
    // No form: there may be one around it.
    <div className="flex min-w-0 flex-col gap-1.5 border-b border-line p-2">
      <Input
        autoFocus
        aria-label={label}
        aria-invalid={error === undefined ? undefined : true}
        placeholder="lib/util.ts"
        className="font-mono"
        value={path}
        onChange={(event) => setPath(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onCancel();
          if (event.key !== 'Enter') return;
          event.preventDefault();
          submit();
        }}
      />
      <span className="flex flex-wrap gap-1.5">
        <Button size="small" onClick={submit}>
          {action}
        </Button>
        <Button tone="ghost" size="small" onClick={onCancel}>
          Cancel
        </Button>
      </span>
      {error !== undefined && (
        <span role="alert" className="text-xs text-danger">
          {error}
        </span>
      )}
    </div>
  );

  function submit(): void {
    const problem = path.trim() === first && action !== 'Add' ? undefined : fileNameError(path, others);
    setError(problem);
    if (problem === undefined) onDone(path.trim());
  }
}
