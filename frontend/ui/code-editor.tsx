import { lazy, Suspense } from 'react';
import type { CodeProblem, TextPlace } from './code-problems.ts';
import { Skeleton } from './spinner.tsx';

const CodeMirrorView = lazy(() => import('./code-mirror.tsx').then((module) => ({ default: module.CodeMirrorView })));

/** A place to show, with or without taking the focus there. */
export interface CodePlace extends TextPlace {
  readonly takesFocus: boolean;
}

export interface CodeEditorProps {
  readonly label: string;
  /** Decides the language, by its ending. */
  readonly fileName: string;
  readonly text: string;
  readonly onChange?: (text: string) => void;
  /** Ctrl or Cmd with Enter. */
  readonly onRun?: () => void;
  /** Ctrl or Cmd with S. */
  readonly onSave?: () => void;
  /** What is wrong with this very text; marked at its lines. */
  readonly problems?: readonly CodeProblem[];
  /** Where the cursor goes, once for each object. */
  readonly goTo?: CodePlace;
  /** Opens the search, once for each object. */
  readonly find?: object;
  readonly isReadOnly?: boolean;
  readonly minHeight?: string;
  readonly maxHeight?: string;
}

/** A code editor; CodeMirror comes as a chunk of its own. */
export function CodeEditor(props: CodeEditorProps) {
  return (
    <div
      className="min-w-0 overflow-hidden rounded-md border border-control bg-surface focus-within:border-accent"
      style={{ minHeight: props.minHeight }}
    >
      <Suspense
        fallback={
          <div className="p-3">
            <Skeleton lines={6} label="Loading the editor" />
          </div>
        }
      >
        <CodeMirrorView {...props} />
      </Suspense>
    </div>
  );
}
