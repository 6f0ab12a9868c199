import { closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { javascript } from '@codemirror/lang-javascript';
import { json } from '@codemirror/lang-json';
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { Annotation, EditorState, type Extension, Text } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import type { CodeEditorProps, CodePlace } from './code-editor.tsx';
import { codeProblems, positionOf, showProblems } from './code-problems.ts';
import { codeSearch, type OpenSearch, openSearch, SearchPanel } from './code-search.tsx';

/** Marks a text that came from outside: the editor holds its lines with other ends, and nobody edited it. */
const fromOutside = Annotation.define<true>();

/** Colours are CSS variables: the editor changes its theme with the page. */
const colors = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: 'var(--accent)' },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: 'var(--ok)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--info)' },
  { tag: [tags.comment], color: 'var(--faint)', fontStyle: 'italic' },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], color: 'var(--series-4)' },
  { tag: [tags.typeName, tags.className, tags.namespace], color: 'var(--warn)' },
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--text)' },
  { tag: [tags.invalid], color: 'var(--danger)' },
]);

const look = EditorView.theme({
  '&': { color: 'var(--text)', backgroundColor: 'transparent', fontSize: '0.8125rem' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.55' },
  '.cm-content': { caretColor: 'var(--accent)', padding: '8px 0' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)' },
  // Not transparent: code that is scrolled sideways passes below it.
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--faint)', border: 'none', paddingLeft: '4px' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--raised) 70%, transparent)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'color-mix(in srgb, var(--accent) 26%, transparent)',
  },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-soft)', outline: '1px solid var(--accent)' },
});

async function languageOf(fileName: string): Promise<Extension> {
  const ending = fileName.slice(fileName.lastIndexOf('.') + 1);
  if (['ts', 'mts', 'cts', 'tsx'].includes(ending)) return javascript({ typescript: true, jsx: ending === 'tsx' });
  if (['js', 'mjs', 'cjs', 'jsx'].includes(ending)) return javascript({ jsx: true });
  if (ending === 'json') return json();
  // Half of the users never see Python: its grammar is loaded on its own.
  if (ending === 'py') return (await import('@codemirror/lang-python')).python();
  return [];
}

function extensionsOf(
  latest: { readonly current: CodeEditorProps },
  language: Extension,
  onSearch: (open: OpenSearch | undefined) => void,
): Extension[] {
  const props = latest.current;
  const run = (pick: 'onRun' | 'onSave') => () => {
    latest.current[pick]?.();
    return latest.current[pick] !== undefined;
  };
  return [
    keymap.of([
      { key: 'Mod-Enter', run: run('onRun') },
      { key: 'Mod-s', run: run('onSave'), preventDefault: true },
    ]),
    codeSearch(onSearch),
    props.isReadOnly === true ? [] : codeProblems(() => latest.current.problems ?? []),
    lineNumbers(),
    history(),
    drawSelection(),
    indentOnInput(),
    indentUnit.of(props.fileName.endsWith('.py') ? '    ' : '  '),
    bracketMatching(),
    closeBrackets(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    lineEnds(props.text),
    syntaxHighlighting(colors),
    look,
    language,
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
    EditorView.contentAttributes.of({
      'aria-label': `${props.label}. Press Escape, then Tab, to leave the editor.`,
      spellcheck: 'false',
      tabindex: '0',
    }),
    EditorState.readOnly.of(props.isReadOnly === true),
    EditorView.updateListener.of((update) => {
      const isEdited = update.transactions.some((item) => item.docChanged && item.annotation(fromOutside) !== true);
      if (isEdited) latest.current.onChange?.(update.state.sliceDoc());
    }),
    EditorView.theme({
      '&': { maxHeight: props.maxHeight ?? '60vh' },
      '.cm-scroller': { minHeight: props.minHeight ?? '10rem', overflow: 'auto' },
    }),
  ];
}

/** A text with the line ends of Windows keeps them. One with both has those of Unix once it is edited. */
function lineEnds(text: string): Extension {
  const isWindows = text.includes('\r\n') && !/(?:^|[^\r])\n|\r(?!\n)/.test(text);
  return isWindows ? EditorState.lineSeparator.of('\r\n') : [];
}

/** What is kept of a file that is not shown: with what can be undone, and where it was scrolled to. */
interface Rested {
  readonly state: EditorState;
  readonly scroll: ReturnType<EditorView['scrollSnapshot']>;
}

function goTo(view: EditorView, place: CodePlace): void {
  const anchor = positionOf(view.state.doc, place);
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
  if (place.takesFocus) view.focus();
}

/** Another `fileName` is another text, which is found as it was left; another `text` from outside replaces the content. */
export function CodeMirrorView(props: CodeEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const latest = useRef(props);
  const rested = useRef(new Map<string, Rested>());
  const asked = useRef<CodePlace | undefined>(undefined);
  const [search, setSearch] = useState<OpenSearch | undefined>();
  latest.current = props;
  const arrive = () => {
    if (view.current === undefined || asked.current === undefined) return;
    goTo(view.current, asked.current);
    asked.current = undefined;
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: everything else is read through `latest`
  useEffect(() => {
    const parent = host.current;
    if (parent === null) return;
    let isGone = false;
    const show = (state: EditorState, scrollTo?: Rested['scroll']) => {
      view.current = new EditorView({ state, parent, ...(scrollTo === undefined ? {} : { scrollTo }) });
      showProblems(view.current);
      arrive();
    };
    const key = `${props.fileName} ${props.isReadOnly === true}`;
    const before = rested.current.get(key);
    if (before !== undefined && before.state.sliceDoc() === props.text) show(before.state, before.scroll);
    else
      languageOf(props.fileName)
        .catch(() => [])
        .then((language) => {
          if (isGone) return;
          show(EditorState.create({ doc: latest.current.text, extensions: extensionsOf(latest, language, setSearch) }));
        })
        .catch(() => undefined);
    return () => {
      isGone = true;
      const { current } = view;
      if (current === undefined) return;
      rested.current.set(key, { state: current.state, scroll: current.scrollSnapshot() });
      current.destroy();
      view.current = undefined;
    };
  }, [props.fileName, props.isReadOnly]);

  useEffect(() => {
    const editor = view.current;
    if (editor === undefined || editor.state.sliceDoc() === props.text) return;
    editor.dispatch({
      changes: { from: 0, to: editor.state.doc.length, insert: Text.of(props.text.split(/\r\n?|\n/)) },
      annotations: fromOutside.of(true),
    });
  }, [props.text]);

  const problemsText = JSON.stringify(props.problems);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor reads them through `latest`
  useEffect(() => {
    if (view.current !== undefined) showProblems(view.current);
  }, [problemsText]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each place
  useEffect(() => {
    asked.current = props.goTo;
    arrive();
  }, [props.goTo]);

  useEffect(() => {
    if (props.find === undefined || view.current === undefined) return;
    openSearch(view.current);
  }, [props.find]);

  return (
    <>
      <div ref={host} />
      {search !== undefined && createPortal(<SearchPanel open={search} />, search.dom)}
    </>
  );
}
