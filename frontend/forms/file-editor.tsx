import { FilePlus2, PanelLeft, Pencil, Search, Trash2 } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { BuildError } from '../../shared/api/build-errors.ts';
import { Button, IconButton } from '../ui/button.tsx';
import { classes } from '../ui/classes.ts';
import { CodeEditor, type CodePlace } from '../ui/code-editor.tsx';
import { folderOf, partedAt } from '../util/file-tree.ts';
import { BuildErrorList } from './build-error-list.tsx';
import type { Files } from './draft.ts';
import { FileTree } from './file-tree.tsx';
import { PathForm } from './path-form.tsx';
import { useFileTree } from './use-file-tree.ts';

export interface FileEditorProps {
  readonly files: Files;
  readonly onChange: (files: Files) => void;
  readonly onRun?: () => void;
  readonly onSave?: () => void;
  /** Files that differ from what is deployed get a dot. */
  readonly changed?: ReadonlySet<string>;
  /** Where the files, as they are, do not build: listed above the editor and marked in it. */
  readonly errors?: readonly BuildError[];
  readonly minHeight?: string;
}

const noChanges: ReadonlySet<string> = new Set();
const noErrors: readonly BuildError[] = [];

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
            label={`Rename or move ${active}`}
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
      action="Rename or move"
      first={path}
      others={partedAt(files, path).others}
      onDone={(to) => tree.rename(path, to)}
      onCancel={tree.cancel}
    />
  );
}

/** Which place the editor shows when it is asked to, and at first that of a new error. */
function useErrorPlaces(errors: readonly BuildError[], tree: ReturnType<typeof useFileTree>) {
  const [place, setPlace] = useState<(CodePlace & { readonly file: string }) | undefined>();
  const box = useRef<HTMLDivElement>(null);
  const show = (error: BuildError, takesFocus: boolean) => {
    tree.open(error.file);
    setPlace({ file: error.file, line: error.line, column: error.column, takesFocus });
  };
  const isKnown = (error: BuildError) => tree.paths.includes(error.file);
  const text = JSON.stringify(errors);
  const before = useRef(text);
  // biome-ignore lint/correctness/useExhaustiveDependencies: for new errors alone
  useEffect(() => {
    // Those that are left of earlier ones are no news.
    const isNews = errors.some((error) => !before.current.includes(JSON.stringify(error)));
    before.current = text;
    const first = errors.find(isKnown);
    // Nothing moves below the fingers of somebody who writes.
    if (first !== undefined && isNews && box.current?.contains(document.activeElement) !== true) show(first, false);
  }, [text]);
  return { box, place, show, isKnown };
}

/** Source files: their tree, and one of them in the editor. On a narrow screen the tree is above. */
export function FileEditor(props: FileEditorProps) {
  const { files, onChange, onRun, onSave, changed = noChanges, errors = noErrors, minHeight } = props;
  const tree = useFileTree({ files, onChange });
  const { box, place, show, isKnown } = useErrorPlaces(errors, tree);
  const [isShown, setIsShown] = useState(true);
  const [find, setFind] = useState<object | undefined>();
  const { current, removed, refusal } = tree;
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <BuildErrorList errors={errors} isKnown={isKnown} onShow={(error) => show(error, true)} />
      <div className="flex min-w-0 flex-col overflow-hidden rounded-lg border border-line bg-surface lg:flex-row">
        {isShown && (
          <div className="flex min-w-0 shrink-0 flex-col border-b border-line lg:w-44 lg:border-r lg:border-b-0">
            <Tools tree={tree} files={files} />
            <Asked key={`${tree.asking?.kind} ${tree.asking?.path}`} tree={tree} files={files} />
            <div className="flex max-h-48 grow flex-col overflow-y-auto py-1 lg:max-h-[60vh]">
              {tree.paths.length > 0 && (
                <FileTree
                  paths={tree.paths}
                  closed={tree.closed}
                  current={current}
                  active={tree.active}
                  changed={changed}
                  faulty={new Set(errors.map(({ file }) => file))}
                  focusTick={tree.focusTick}
                  onActive={tree.setActive}
                  onClosed={tree.setClosed}
                  onChoose={tree.choose}
                  onRename={(path) => tree.setAsking({ kind: 'rename', path })}
                  onRemove={tree.remove}
                  onMove={tree.move}
                />
              )}
            </div>
            <p role="status" className="flex flex-wrap items-center gap-x-2 px-2 text-xs text-muted">
              {refusal !== undefined && <span className="text-danger wrap-anywhere">{refusal}</span>}
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
        <div ref={box} className="min-w-0 grow">
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
            {current !== '' && (
              <IconButton
                label="Find and replace"
                aria-keyshortcuts="Control+F"
                className="ml-auto"
                onClick={() => setFind({})}
              >
                <Search className="size-4" aria-hidden="true" />
              </IconButton>
            )}
          </div>
          {current !== '' && (
            <div className="[&>div]:rounded-none [&>div]:border-0">
              <CodeEditor
                label={`Source of ${current}`}
                fileName={current}
                text={files[current] ?? ''}
                onChange={(text) => onChange({ ...files, [current]: text })}
                problems={errors.filter(({ file }) => file === current)}
                {...(find === undefined ? {} : { find })}
                {...(place?.file === current ? { goTo: place } : {})}
                {...(onRun === undefined ? {} : { onRun })}
                {...(onSave === undefined ? {} : { onSave })}
                {...(minHeight === undefined ? {} : { minHeight })}
              />
            </div>
          )}
        </div>
      </div>
    </div>
  );
}
