import { FilePlus2, PanelLeft, Pencil, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Button, IconButton } from '../ui/button.tsx';
import { classes } from '../ui/classes.ts';
import { CodeEditor } from '../ui/code-editor.tsx';
import { Input } from '../ui/field.tsx';
import { folderOf, isWithin, partedAt, renamed } from '../util/file-tree.ts';
import type { Files } from './draft.ts';
import { FileTree } from './file-tree.tsx';
import { fileNameError } from './names.ts';

export interface FileEditorProps {
  readonly files: Files;
  readonly onChange: (files: Files) => void;
  readonly onRun?: () => void;
  readonly onSave?: () => void;
  /** Files that differ from what is deployed get a dot. */
  readonly changed?: ReadonlySet<string>;
  readonly minHeight?: string;
}

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
function PathForm({ label, action, first, others, onDone, onCancel }: PathFormProps) {
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

type Asking = { readonly kind: 'new' | 'rename'; readonly path: string } | undefined;

/** What somebody who comes to the code wants to see: where the function begins, as it is named by custom. */
function firstFile(paths: readonly string[]): string {
  const sorted = paths.toSorted();
  return sorted.find((path) => /^(index|main|app|bootstrap)(\.|$)/.test(path)) ?? sorted[0] ?? '';
}

/** Which line and which file are shown, what is asked for, and what can be brought back. */
function useFileTree({ files, onChange }: Pick<FileEditorProps, 'files' | 'onChange'>) {
  const paths = Object.keys(files);
  const [chosen, setChosen] = useState('');
  const [active, setActive] = useState('');
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = useState<Asking>();
  const [removed, setRemoved] = useState<{ readonly path: string; readonly files: Files } | undefined>();
  const [focusTick, setFocusTick] = useState(0);
  const current = paths.includes(chosen) ? chosen : firstFile(paths);
  const goTo = (path: string) => {
    setAsking(undefined);
    setActive(path);
    setFocusTick((tick) => tick + 1);
  };
  const reveal = (path: string) => setClosed(new Set([...closed].filter((folder) => !isWithin(path, folder))));
  return {
    paths,
    current,
    closed,
    asking,
    removed,
    focusTick,
    /** What a command is about: the line that Tab reaches. */
    active: paths.some((path) => isWithin(path, active)) && active !== '' ? active : current,
    setActive,
    setClosed,
    setAsking,
    choose: setChosen,
    cancel: () => goTo(active),
    add: (path: string) => {
      setRemoved(undefined);
      onChange({ ...files, [path]: '' });
      setChosen(path);
      reveal(path);
      goTo(path);
    },
    rename: (from: string, to: string) => {
      setRemoved(undefined);
      onChange(renamed(files, from, to));
      if (isWithin(current, from)) setChosen(to + current.slice(from.length));
      reveal(to);
      goTo(to);
    },
    remove: (path: string) => {
      const { within, others } = partedAt(files, path);
      // A function without a file is none.
      if (Object.keys(others).length === 0) return;
      setRemoved({ path, files: within });
      onChange(others);
      goTo(folderOf(path));
    },
    bringBack: () => {
      if (removed === undefined) return;
      onChange({ ...files, ...removed.files });
      setRemoved(undefined);
      goTo(removed.path);
    },
  };
}

const noChanges: ReadonlySet<string> = new Set();

function Tools({ tree, files }: { readonly tree: ReturnType<typeof useFileTree>; readonly files: Files }) {
  const { active } = tree;
  const isLast = Object.keys(partedAt(files, active).others).length === 0;
  const isFolder = !Object.hasOwn(files, active);
  return (
    <div className="flex items-center border-b border-line px-1 py-1">
      <span className="grow px-1 text-xs font-medium">Files</span>
      <IconButton
        label="New file"
        onClick={() => tree.setAsking({ kind: 'new', path: isFolder ? active : folderOf(active) })}
      >
        <FilePlus2 className="size-4" aria-hidden="true" />
      </IconButton>
      {active !== '' && (
        <>
          <IconButton
            label={`Rename ${active}`}
            aria-keyshortcuts="F2"
            onClick={() => tree.setAsking({ kind: 'rename', path: active })}
          >
            <Pencil className="size-4" aria-hidden="true" />
          </IconButton>
          <IconButton
            label={`Delete ${active}`}
            aria-keyshortcuts="Delete"
            disabledReason={isLast ? 'A function needs a file' : undefined}
            onClick={() => tree.remove(active)}
          >
            <Trash2 className="size-4" aria-hidden="true" />
          </IconButton>
        </>
      )}
    </div>
  );
}

function Asked({ tree, files }: { readonly tree: ReturnType<typeof useFileTree>; readonly files: Files }) {
  const { asking } = tree;
  if (asking === undefined) return null;
  const { kind, path } = asking;
  return kind === 'new' ? (
    <PathForm
      label="Path of the new file"
      action="Add"
      first={path === '' ? '' : `${path}/`}
      others={files}
      onDone={tree.add}
      onCancel={tree.cancel}
    />
  ) : (
    <PathForm
      label={`New path of ${path}`}
      action="Rename"
      first={path}
      others={partedAt(files, path).others}
      onDone={(to) => tree.rename(path, to)}
      onCancel={tree.cancel}
    />
  );
}

/** Source files: their tree, and one of them in the editor. On a narrow screen the tree is above. */
export function FileEditor({ files, onChange, onRun, onSave, changed = noChanges, minHeight }: FileEditorProps) {
  const tree = useFileTree({ files, onChange });
  const [isShown, setIsShown] = useState(true);
  const { current, removed } = tree;
  return (
    <div className="flex min-w-0 flex-col overflow-hidden rounded-lg border border-line bg-surface lg:flex-row">
      {isShown && (
        <div className="flex min-w-0 shrink-0 flex-col border-b border-line lg:w-44 lg:border-r lg:border-b-0">
          <Tools tree={tree} files={files} />
          <Asked key={`${tree.asking?.kind} ${tree.asking?.path}`} tree={tree} files={files} />
          <div className="max-h-48 overflow-y-auto py-1 lg:max-h-[60vh]">
            {tree.paths.length > 0 && (
              <FileTree
                paths={tree.paths}
                closed={tree.closed}
                current={current}
                active={tree.active}
                changed={changed}
                focusTick={tree.focusTick}
                onActive={tree.setActive}
                onClosed={tree.setClosed}
                onChoose={tree.choose}
                onRename={(path) => tree.setAsking({ kind: 'rename', path })}
                onRemove={tree.remove}
              />
            )}
          </div>
          <p role="status" className="flex flex-wrap items-center gap-x-2 px-2 text-xs text-muted">
            {removed !== undefined && (
              <>
                <span className="wrap-anywhere">{removed.path} deleted</span>
                <Button tone="ghost" size="small" onClick={tree.bringBack}>
                  Undo
                </Button>
              </>
            )}
          </p>
        </div>
      )}
      <div className="min-w-0 grow">
        <div className="flex items-center gap-1 border-b border-line bg-raised px-1 py-1">
          <IconButton
            label={isShown ? 'Hide the files' : 'Show the files'}
            aria-expanded={isShown}
            onClick={() => setIsShown(!isShown)}
          >
            <PanelLeft className="size-4" aria-hidden="true" />
          </IconButton>
          <span className={classes('min-w-0 truncate font-mono text-xs', changed.has(current) && 'text-accent')}>
            {current}
          </span>
        </div>
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
    </div>
  );
}
