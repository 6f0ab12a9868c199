import {
  closeSearchPanel,
  findNext,
  findPrevious,
  getSearchQuery,
  gotoLine,
  openSearchPanel,
  replaceAll,
  replaceNext,
  SearchQuery,
  search,
  setSearchQuery,
} from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import { EditorView, type KeyBinding, keymap, type Panel, runScopeHandlers } from '@codemirror/view';
import { ArrowDown, ArrowUp, CaseSensitive, Regex, WholeWord, X } from 'lucide-react';
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from 'react';
import { Button, IconButton } from './button.tsx';
import { classes } from './classes.ts';
import { Input } from './field.tsx';
import { matchesIn, matchText, type SearchMatches } from './search-matches.ts';

/** The panel of an editor in which somebody searches. */
export interface OpenSearch {
  readonly view: EditorView;
  /** Where CodeMirror shows it. */
  readonly dom: HTMLElement;
  readonly query: SearchQuery;
  readonly matches: SearchMatches;
}

const scope = 'editor search-panel';
/** Ctrl-G is the next match, as in browsers. */
const keys: readonly KeyBinding[] = [
  { key: 'Mod-f', run: openSearchPanel, scope, preventDefault: true },
  { key: 'Mod-g', run: findNext, shift: findPrevious, scope, preventDefault: true },
  { key: 'F3', run: findNext, shift: findPrevious, scope, preventDefault: true },
  { key: 'Escape', run: closeSearchPanel, scope },
  { key: 'Alt-g', run: gotoLine },
];

const look = EditorView.theme({
  '.cm-panels': { backgroundColor: 'var(--raised)', color: 'var(--text)', fontFamily: 'var(--font-sans)' },
  '.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panels-bottom': { borderTop: '1px solid var(--line)' },
  '.cm-searchMatch': { backgroundColor: 'color-mix(in srgb, var(--warn) 28%, transparent)' },
  '.cm-searchMatch-selected': { backgroundColor: 'color-mix(in srgb, var(--accent) 45%, transparent)' },
  '.cm-dialog': { display: 'flex', alignItems: 'center', flexWrap: 'wrap', gap: '8px', padding: '6px 36px 6px 8px' },
  '.cm-dialog label': { fontSize: '0.8125rem' },
  '.cm-textfield, .cm-button': {
    border: '1px solid var(--control)',
    borderRadius: '6px',
    background: 'var(--surface)',
    color: 'var(--text)',
    fontSize: '0.8125rem',
    height: '28px',
    padding: '0 8px',
    margin: '0',
  },
  '.cm-dialog-close': { width: '28px', height: '28px', top: '6px', right: '4px', fontSize: '16px', cursor: 'pointer' },
});

/** Of the question for a line, which is CodeMirror's own. */
const words = EditorState.phrases.of({ go: 'Go', close: 'Close' });

/** Search, replace and go to line by the keys of editors; `onPanel` hears of the panel and of each change in it. */
export function codeSearch(onPanel: (open: OpenSearch | undefined) => void): Extension {
  return [search({ top: true, createPanel: (view) => panelOf(view, onPanel) }), keymap.of(keys), look, words];
}

/** As its key does it: what is selected is looked for. */
export function openSearch(view: EditorView): void {
  view.focus();
  openSearchPanel(view);
}

function panelOf(view: EditorView, onPanel: (open: OpenSearch | undefined) => void): Panel {
  const dom = document.createElement('div');
  const tell = () => {
    const query = getSearchQuery(view.state);
    onPanel({ view, dom, query, matches: matchesIn(view.state, query) });
  };
  return {
    dom,
    top: true,
    mount: tell,
    update: ({ docChanged, selectionSet, transactions }) => {
      const isAsked = transactions.some(({ effects }) => effects.some((effect) => effect.is(setSearchQuery)));
      if (docChanged || selectionSet || isAsked) tell();
    },
    destroy: () => onPanel(undefined),
  };
}

type Choice = 'caseSensitive' | 'wholeWord' | 'regexp';
const choices: readonly (readonly [Choice, string, ReactNode])[] = [
  ['caseSensitive', 'Match case', <CaseSensitive key="case" className="size-4" aria-hidden="true" />],
  ['wholeWord', 'Whole words', <WholeWord key="word" className="size-4" aria-hidden="true" />],
  ['regexp', 'Regular expression', <Regex key="regexp" className="size-4" aria-hidden="true" />],
];

/** What is looked for, how, and what takes its place. Escape closes it, and the focus is in the code again. */
export function SearchPanel({ open }: { readonly open: OpenSearch }) {
  const { view, query, matches } = open;
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // Not when a file is shown again in which somebody searched before.
    if (!view.hasFocus) return;
    field.current?.focus();
    field.current?.select();
  }, [view]);
  const ask = (part: Partial<Pick<SearchQuery, 'search' | 'replace' | Choice>>) => {
    const { search: text, replace, caseSensitive, wholeWord, regexp } = query;
    const asked = new SearchQuery({ search: text, replace, caseSensitive, wholeWord, regexp, ...part });
    view.dispatch({ effects: setSearchQuery.of(asked) });
  };
  const onKey = (event: KeyboardEvent<HTMLElement>) => {
    if (!event.nativeEvent.isComposing && runScopeHandlers(view, event.nativeEvent, 'search-panel'))
      event.preventDefault();
  };
  const onEnter = (command: (event: KeyboardEvent) => void) => (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key !== 'Enter' || event.nativeEvent.isComposing) return;
    // There may be a form around the editor.
    event.preventDefault();
    command(event);
  };
  const isInvalid = query.search !== '' && !query.valid;
  return (
    <search onKeyDown={onKey} aria-label="Search in the code" className="flex flex-col gap-1 p-1.5 pr-9">
      <div className="flex flex-wrap items-center gap-1">
        <Input
          ref={field}
          {...{ 'main-field': 'true' }}
          aria-label="Find"
          aria-invalid={isInvalid || undefined}
          placeholder="Find"
          className="h-7! min-w-32 grow basis-40 font-mono sm:max-w-72"
          value={query.search}
          onChange={(event) => ask({ search: event.target.value })}
          onKeyDown={onEnter(({ shiftKey }) => (shiftKey ? findPrevious : findNext)(view))}
        />
        {choices.map(([choice, label, icon]) => (
          <IconButton
            key={choice}
            label={label}
            aria-pressed={query[choice]}
            className={classes(query[choice] && 'bg-accent-soft! text-accent!')}
            onClick={() => ask({ [choice]: !query[choice] })}
          >
            {icon}
          </IconButton>
        ))}
        <IconButton label="Previous match" aria-keyshortcuts="Shift+F3" onClick={() => findPrevious(view)}>
          <ArrowUp className="size-4" aria-hidden="true" />
        </IconButton>
        <IconButton label="Next match" aria-keyshortcuts="F3" onClick={() => findNext(view)}>
          <ArrowDown className="size-4" aria-hidden="true" />
        </IconButton>
        <span role="status" className={classes('tabular text-xs', isInvalid ? 'text-danger' : 'text-muted')}>
          {matchText(query, matches)}
        </span>
      </div>
      {!view.state.readOnly && (
        <div className="flex flex-wrap items-center gap-1">
          <Input
            aria-label="Replace with"
            placeholder="Replace with"
            className="h-7! min-w-32 grow basis-40 font-mono sm:max-w-72"
            value={query.replace}
            onChange={(event) => ask({ replace: event.target.value })}
            onKeyDown={onEnter(() => replaceNext(view))}
          />
          <Button size="small" onClick={() => replaceNext(view)}>
            Replace
          </Button>
          <Button size="small" onClick={() => replaceAll(view)}>
            Replace all
          </Button>
        </div>
      )}
      <IconButton
        label="Close the search"
        aria-keyshortcuts="Escape"
        className="absolute! top-1.5 right-1"
        onClick={() => {
          closeSearchPanel(view);
          view.focus();
        }}
      >
        <X className="size-4" aria-hidden="true" />
      </IconButton>
    </search>
  );
}
