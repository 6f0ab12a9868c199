import { ensureSyntaxTree } from '@codemirror/language';
import {
  type Diagnostic,
  forceLinting,
  linter,
  lintGutter,
  nextDiagnostic,
  previousDiagnostic,
} from '@codemirror/lint';
import { type EditorState, type Extension, StateEffect, type Text } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';

/** A place in a text, from 1; columns in UTF-16 code units. A line that is null is the first. */
export interface TextPlace {
  readonly line: number | null;
  readonly column: number | null;
}

/** What somebody who knows it objects to. */
export interface CodeProblem extends TextPlace {
  readonly text: string;
}

/** After the last key; a text that is being written is wrong most of the time. */
const delayMs = 600;
/** A missing bracket makes all that follows wrong. */
const mostGuesses = 5;
const maxParseMs = 50;

const problemsChanged = StateEffect.define<null>();

/** The position of a place, which may lie behind the end of a text that was edited since. */
export function positionOf(doc: Text, { line, column }: TextPlace): number {
  const { from, to } = doc.line(Math.min(Math.max(line ?? 1, 1), doc.lines));
  return Math.min(from + Math.max((column ?? 1) - 1, 0), to);
}

/** From the place to the end of the word there, and at least a character of the line. */
function rangeOf(state: EditorState, place: TextPlace): { readonly from: number; readonly to: number } {
  const at = positionOf(state.doc, place);
  const line = state.doc.lineAt(at);
  if (place.line === null) return line;
  const from = at === line.to ? Math.max(line.from, at - 1) : at;
  const word = state.wordAt(from);
  return { from, to: word !== null && word.from === from ? word.to : Math.min(from + 1, line.to) };
}

/** What the grammar that colours the text does not understand. It is no compiler, and newer syntax may be right all the same. */
function guesses(state: EditorState): Diagnostic[] {
  const tree = ensureSyntaxTree(state, state.doc.length, maxParseMs);
  const found: Diagnostic[] = [];
  if (state.doc.length === 0) return found;
  let lastLine = 0;
  tree?.iterate({
    enter: (node) => {
      if (found.length === mostGuesses || !node.type.isError) return;
      const line = state.doc.lineAt(node.from).number;
      if (line === lastLine) return;
      lastLine = line;
      const column = node.from - state.doc.line(line).from + 1;
      const message = 'Not understood by the editor; the build has the last word';
      found.push({ ...rangeOf(state, { line, column }), severity: 'warning', message });
    },
  });
  return found;
}

const look = EditorView.theme({
  '.cm-gutter-lint': { width: '1rem' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '0.25rem 0.1rem' },
  '.cm-lint-marker': { width: '0.75rem', height: '0.75rem' },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', color: 'var(--text)', border: '1px solid var(--line-strong)' },
  '.cm-diagnostic': { padding: '4px 8px', whiteSpace: 'pre-wrap', maxWidth: '40rem' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--danger)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--warn)' },
});

/**
 * Marks problems at their lines: those that `problemsOf` gives, and while there are none, what the grammar does not understand. F8 and Shift+F8 go from
 * one to the next. Call `showProblems` when there are others.
 */
export function codeProblems(problemsOf: () => readonly CodeProblem[]): Extension {
  const known = (state: EditorState) =>
    problemsOf().map(
      (problem): Diagnostic => ({ ...rangeOf(state, problem), severity: 'error', message: problem.text }),
    );
  const source = ({ state }: EditorView) => (problemsOf().length > 0 ? known(state) : guesses(state));
  return [
    linter(source, {
      delay: delayMs,
      needsRefresh: ({ transactions }) =>
        transactions.some(({ effects }) => effects.some((effect) => effect.is(problemsChanged))),
    }),
    lintGutter(),
    keymap.of([
      { key: 'F8', run: nextDiagnostic },
      { key: 'Shift-F8', run: previousDiagnostic },
    ]),
    look,
  ];
}

/** Looks at the problems at once. */
export function showProblems(view: EditorView): void {
  view.dispatch({ effects: problemsChanged.of(null) });
  forceLinting(view);
}
