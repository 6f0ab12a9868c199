import { closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { javascript } from '@codemirror/lang-javascript';
import { json } from '@codemirror/lang-json';
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { Annotation, EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import type { CodeEditorProps } from './code-editor.tsx';

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
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--faint)', border: 'none', paddingLeft: '4px' },
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

function extensionsOf(latest: { readonly current: CodeEditorProps }, language: Extension): Extension[] {
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
    lineNumbers(),
    history(),
    drawSelection(),
    indentOnInput(),
    indentUnit.of(props.fileName.endsWith('.py') ? '    ' : '  '),
    bracketMatching(),
    closeBrackets(),
    highlightActiveLine(),
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
      if (isEdited) latest.current.onChange?.(update.state.doc.toString());
    }),
    EditorView.theme({
      '&': { maxHeight: props.maxHeight ?? '60vh' },
      '.cm-scroller': { minHeight: props.minHeight ?? '10rem', overflow: 'auto' },
    }),
  ];
}

/** One editor per file: another `fileName` starts afresh, another `text` from outside replaces the content. */
export function CodeMirrorView(props: CodeEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;

  // biome-ignore lint/correctness/useExhaustiveDependencies: everything else is read through `latest`
  useEffect(() => {
    const parent = host.current;
    if (parent === null) return;
    let isGone = false;
    languageOf(props.fileName)
      .catch(() => [])
      .then((language) => {
        if (isGone) return;
        const extensions = extensionsOf(latest, language);
        const state = EditorState.create({ doc: latest.current.text, extensions });
        view.current = new EditorView({ state, parent });
      })
      .catch(() => undefined);
    return () => {
      isGone = true;
      view.current?.destroy();
      view.current = undefined;
    };
  }, [props.fileName, props.isReadOnly]);

  useEffect(() => {
    const editor = view.current;
    if (editor === undefined || editor.state.doc.toString() === props.text) return;
    editor.dispatch({
      changes: { from: 0, to: editor.state.doc.length, insert: props.text },
      annotations: fromOutside.of(true),
    });
  }, [props.text]);

  return <div ref={host} />;
}
