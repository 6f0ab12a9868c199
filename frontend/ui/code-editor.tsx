import { lazy, Suspense } from 'react';
import { Skeleton } from './spinner.tsx';

const CodeMirrorView = lazy(() => import('./code-mirror.tsx').then((module) => ({ default: module.CodeMirrorView })));

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
