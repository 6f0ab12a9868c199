import { FilePlus2, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Button, IconButton } from '../ui/button.tsx';
import { classes } from '../ui/classes.ts';
import { CodeEditor } from '../ui/code-editor.tsx';
import { Input } from '../ui/field.tsx';
import { type Files, fileNameError } from './draft.ts';

export interface FileEditorProps {
  readonly files: Files;
  readonly onChange: (files: Files) => void;
  readonly onRun?: () => void;
  readonly onSave?: () => void;
  /** Files that differ from what is deployed get a dot. */
  readonly changed?: ReadonlySet<string>;
  readonly minHeight?: string;
}

function NewFile({
  files,
  onAdd,
  onCancel,
}: {
  readonly files: Files;
  readonly onAdd: (name: string) => void;
  readonly onCancel: () => void;
}) {
  const [name, setName] = useState('');
  const [error, setError] = useState<string | undefined>();
  return (
    <form
      className="flex flex-wrap items-center gap-2 border-b border-line px-2 py-1.5"
      onSubmit={(event) => {
        event.preventDefault();
        const problem = fileNameError(name, files);
        setError(problem);
        if (problem === undefined) onAdd(name.trim());
      }}
    >
      <Input
        autoFocus
        aria-label="Name of the new file"
        aria-invalid={error === undefined ? undefined : true}
        placeholder="lib/util.ts"
        className="!w-52 font-mono"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Button type="submit" size="small">
        Add
      </Button>
      <Button tone="ghost" size="small" onClick={onCancel}>
        Cancel
      </Button>
      {error !== undefined && (
        <span role="alert" className="text-xs text-danger">
          {error}
        </span>
      )}
    </form>
  );
}

/** Several source files, one at a time in the editor. */
export function FileEditor({ files, onChange, onRun, onSave, changed, minHeight }: FileEditorProps) {
  const names = Object.keys(files).sort();
  const [chosen, setChosen] = useState('');
  const [isAdding, setIsAdding] = useState(false);
  const current = names.includes(chosen) ? chosen : (names[0] ?? '');
  const remove = (name: string) => onChange(Object.fromEntries(Object.entries(files).filter(([key]) => key !== name)));
  return (
    <div className="min-w-0 overflow-hidden rounded-lg border border-line bg-surface">
      <div className="flex items-center gap-1 overflow-x-auto border-b border-line bg-raised px-2 py-1">
        {names.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === current}
            onClick={() => setChosen(name)}
            className={classes(
              'inline-flex h-7 shrink-0 items-center gap-1.5 rounded px-2 font-mono text-xs',
              name === current ? 'bg-surface text-text shadow-xs' : 'text-muted hover:text-text',
            )}
          >
            {name}
            {changed?.has(name) === true && (
              <span role="img" aria-label="changed" className="size-1.5 rounded-full bg-accent" />
            )}
          </button>
        ))}
        <IconButton label="Add a file" onClick={() => setIsAdding(true)}>
          <FilePlus2 className="size-4" aria-hidden="true" />
        </IconButton>
        {names.length > 1 && (
          <IconButton label={`Remove ${current}`} className="ml-auto" onClick={() => remove(current)}>
            <Trash2 className="size-4" aria-hidden="true" />
          </IconButton>
        )}
      </div>
      {isAdding && (
        <NewFile
          files={files}
          onCancel={() => setIsAdding(false)}
          onAdd={(name) => {
            onChange({ ...files, [name]: '' });
            setChosen(name);
            setIsAdding(false);
          }}
        />
      )}
      {current !== '' && (
        <div className="[&>div]:rounded-none [&>div]:border-0">
          <CodeEditor
            key={current}
            label={`Source of ${current}`}
            fileName={current}
            text={files[current] ?? ''}
            onChange={(text) => onChange({ ...files, [current]: text })}
            {...(onRun === undefined ? {} : { onRun })}
            {...(onSave === undefined ? {} : { onSave })}
            {...(minHeight === undefined ? {} : { minHeight })}
          />
        </div>
      )}
    </div>
  );
}
