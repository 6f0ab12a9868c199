import { ChevronDown, ChevronRight } from 'lucide-react';
import { type DragEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { classes } from '../ui/classes.ts';
import { folderOf, isWithin, moveOf, type TreeRow, treeRows, typedTo } from '../util/file-tree.ts';

/** Letters that come within this belong together. */
const typingMs = 700;

export interface FileTreeProps {
  readonly paths: readonly string[];
  /** Folders that are shut. */
  readonly closed: ReadonlySet<string>;
  /** The file in the editor. */
  readonly current: string;
  /** The line that Tab reaches. */
  readonly active: string;
  /** Files with a dot, as are closed folders with such files. */
  readonly changed: ReadonlySet<string>;
  /** Files in which the build found errors; marked as the changed ones are. */
  readonly faulty: ReadonlySet<string>;
  /** Takes the focus to the active line, once for each number. */
  readonly focusTick: number;
  /** The line has the focus, however it came. */
  readonly onActive: (path: string) => void;
  readonly onClosed: (closed: ReadonlySet<string>) => void;
  readonly onChoose: (path: string) => void;
  readonly onRename: (path: string) => void;
  readonly onRemove: (path: string) => void;
  /** Something was dragged into a folder, or to the top (empty). */
  readonly onMove: (path: string, folder: string) => void;
}

interface LineProps {
  readonly row: TreeRow;
  readonly isActive: boolean;
  readonly isCurrent: boolean;
  readonly isChanged: boolean;
  readonly isFaulty: boolean;
  readonly isTarget: boolean;
  readonly onFocus: () => void;
  readonly onClick: () => void;
}

/** What a drag inside the tree carries; files from outside carry other kinds. */
const dragKind = 'application/x-hearth-path';

function Line({ row, isActive, isCurrent, isChanged, isFaulty, isTarget, onFocus, onClick }: LineProps) {
  const Arrow = row.isOpen ? ChevronDown : ChevronRight;
  const dot = isFaulty ? 'has an error' : 'changed';
  return (
    // The keys of all lines are those of the tree.
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <div
      role="treeitem"
      data-path={row.path}
      aria-level={row.level}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-expanded={row.isFolder ? row.isOpen : undefined}
      aria-selected={isCurrent}
      tabIndex={isActive ? 0 : -1}
      title={row.path}
      onFocus={onFocus}
      onClick={onClick}
      draggable
      onDragStart={(event) => {
        event.dataTransfer.setData(dragKind, row.path);
        event.dataTransfer.effectAllowed = 'move';
      }}
      style={{ paddingLeft: `${(row.level - 1) * 0.75 + 0.25}rem` }}
      className={classes(
        'flex min-h-7 cursor-pointer items-center gap-1 pr-2 text-xs outline-offset-[-2px] select-none',
        isCurrent ? 'bg-accent-soft font-medium text-text' : 'text-muted hover:bg-raised hover:text-text',
        isTarget && 'outline-2 outline-accent outline-dashed',
      )}
    >
      <span aria-hidden="true" className="grid size-4 shrink-0 place-items-center">
        {row.isFolder && <Arrow className="size-3.5" />}
      </span>
      <span className="min-w-0 truncate font-mono">{row.name}</span>
      {(isChanged || isFaulty) && (
        <span
          role="img"
          aria-label={dot}
          title={dot}
          className={classes('ml-auto size-1.5 shrink-0 rounded-full', isFaulty ? 'bg-danger' : 'bg-accent')}
        />
      )}
    </div>
  );
}

/** Whether a line stands for one of these files: its own, or those in a folder that is shut. */
function standsFor(row: TreeRow, files: ReadonlySet<string>): boolean {
  if (!row.isFolder) return files.has(row.path);
  return !row.isOpen && [...files].some((path) => isWithin(path, row.path));
}

/** Where what is dropped on an element of the tree goes: the folder, or that in which the file is, or the top; undefined when it is no drag of ours. */
function folderAt(event: DragEvent): string | undefined {
  if (!event.dataTransfer.types.includes(dragKind)) return undefined;
  const line = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-path]') : null;
  const path = line?.dataset['path'] ?? '';
  return line?.hasAttribute('aria-expanded') === true ? path : folderOf(path);
}

/**
 * Files in their folders, with the keys of the ARIA tree pattern, F2 and Delete. One line at a time is in the order of Tab. Lines can be dragged into
 * folders, which F2 does without a mouse.
 */
export function FileTree(props: FileTreeProps) {
  const { closed, current, changed, onActive, onClosed, onChoose, focusTick } = props;
  const rows = treeRows(props.paths, closed);
  // What is in a closed folder has no line: Tab reaches the file in the editor instead, or the first line.
  const fallback = rows.find(({ path }) => path === current) ?? rows[0];
  const active = rows.find(({ path }) => path === props.active)?.path ?? fallback?.path ?? '';
  const box = useRef<HTMLDivElement>(null);
  const typed = useRef({ text: '', at: 0 });
  const [target, setTarget] = useState<string | undefined>();
  const focusLine = (path: string) =>
    box.current?.querySelector<HTMLElement>(`[data-path=${CSS.escape(path)}]`)?.focus();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the number asks, whatever line is active then
  useEffect(() => {
    if (focusTick > 0) focusLine(active);
  }, [focusTick]);

  const toggle = (row: TreeRow) => {
    const next = new Set(closed);
    if (!next.delete(row.path)) next.add(row.path);
    onClosed(next);
  };
  const choose = (row: TreeRow | undefined) => {
    if (row === undefined) return;
    if (row.isFolder) toggle(row);
    else onChoose(row.path);
  };
  const rowAt = (path: string) => rows.find((row) => row.path === path);

  const onLetter = (event: KeyboardEvent): boolean => {
    if (!/^[\p{L}\p{N}._-]$/u.test(event.key)) return false;
    const isNext = event.timeStamp - typed.current.at < typingMs;
    typed.current = { text: (isNext ? typed.current.text : '') + event.key, at: event.timeStamp };
    const found = typedTo(rows, active, typed.current.text);
    if (found !== undefined) focusLine(found.path);
    return true;
  };
  const onMove = (key: string): boolean => {
    const move = moveOf(rows, active, key);
    if (move === undefined) return false;
    const [first = ''] = move.paths;
    if (move.kind === 'go') focusLine(first);
    else if (move.kind === 'choose') choose(rowAt(first));
    else if (move.kind === 'close') onClosed(new Set([...closed, first]));
    else onClosed(new Set([...closed].filter((path) => !move.paths.includes(path))));
    return true;
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isOther = event.key === 'F2' || event.key === 'Delete';
    if (event.key === 'F2') props.onRename(active);
    else if (event.key === 'Delete') props.onRemove(active);
    if (!isOther && !onMove(event.key) && !onLetter(event)) return;
    event.preventDefault();
    // Letters are shortcuts elsewhere.
    event.stopPropagation();
  };
  return (
    <div
      ref={box}
      role="tree"
      aria-label="Files"
      className={classes('grow', target === '' && 'outline-2 outline-accent outline-dashed outline-offset-[-2px]')}
      onKeyDown={onKey}
      onDragOver={(event) => {
        const folder = folderAt(event);
        setTarget(folder);
        if (folder !== undefined) event.preventDefault();
      }}
      onDragLeave={() => setTarget(undefined)}
      onDragEnd={() => setTarget(undefined)}
      onDrop={(event) => {
        const folder = folderAt(event);
        setTarget(undefined);
        if (folder === undefined) return;
        event.preventDefault();
        props.onMove(event.dataTransfer.getData(dragKind), folder);
      }}
    >
      {rows.map((row) => (
        <Line
          key={row.path}
          row={row}
          isActive={row.path === active}
          isCurrent={row.path === current}
          isChanged={standsFor(row, changed)}
          isFaulty={standsFor(row, props.faulty)}
          isTarget={row.isFolder && row.path === target}
          onFocus={() => onActive(row.path)}
          onClick={() => {
            focusLine(row.path);
            choose(row);
          }}
        />
      ))}
    </div>
  );
}
