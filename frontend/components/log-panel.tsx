import { ScrollText } from 'lucide-react';
import { useMemo } from 'react';
import { logLevels, parseLogFilter, withLevel } from '../../shared/log-filter.ts';
import { type LogTail, useLogTail } from '../api/use-log-tail.ts';
import { Dot } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { classes } from '../ui/classes.ts';
import { CodeBlock } from '../ui/copy-button.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Input, Select } from '../ui/field.tsx';
import { formatCount } from '../util/format.ts';
import { useSettled, useSlashFocus, useUrlValue } from '../util/hooks.ts';
import { liveTexts } from '../util/live-text.ts';
import { shellQuote } from '../util/snippets.ts';
import { InvocationPanel } from './invocation-panel.tsx';
import { LogList } from './log-list.tsx';

const levelOptions = [
  { value: '', label: 'All levels' },
  ...logLevels.slice(1).map((level) => ({ value: level, label: level === 'error' ? 'error' : `${level} and above` })),
];

function command(functionName: string | undefined, filter: string): string {
  const words = ['hearth logs', functionName, filter === '' ? undefined : `--filter ${shellQuote(filter)}`, '--follow'];
  return words.filter((word) => word !== undefined).join(' ');
}

/** Says where lines are missing from what is shown. */
function Missing({ tail }: { readonly tail: LogTail }) {
  return (
    <>
      {tail.dropped > 0 && (
        <p className="border-b border-line px-4 py-1 text-xs text-faint">
          … {formatCount(tail.dropped)} older lines are no longer kept in this tab
        </p>
      )}
      {tail.skipped > 0 && (
        <p className="border-b border-line px-4 py-1 text-xs text-warn">
          … {formatCount(tail.skipped)} lines were dropped: they came too fast to be shown live; they are stored
        </p>
      )}
    </>
  );
}

/** Lines of one function or of all, followed as they come, chosen by a filter that is in the address. */
export function LogPanel({ functionName }: { readonly functionName?: string }) {
  const [filter, setFilter] = useUrlValue('filter');
  const [openId, setOpenId] = useUrlValue('invocation');
  useSlashFocus('log-filter');
  const parsed = useMemo(() => parseLogFilter(filter), [filter]);
  const settled = useSettled(parsed.isValid ? filter.trim() : '', 300);
  const asked = parseLogFilter(settled);
  const canFollow = !asked.isValid || asked.terms.status === undefined;
  const tail = useLogTail({ functionName, filter: settled, canFollow });
  const isOpen = tail.state === 'open' || !canFollow;
  const hint = parsed.isValid ? undefined : parsed.message;
  return (
    <Card isFlush>
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2.5">
        <div className="min-w-0 grow basis-72">
          <Input
            id="log-filter"
            type="search"
            aria-label="Filter"
            aria-keyshortcuts="/"
            aria-describedby="log-filter-note"
            aria-invalid={hint === undefined ? undefined : true}
            placeholder='level:error status:>=500 "text" -noise   /'
            className="font-mono"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
          />
        </div>
        <Select
          aria-label="Level"
          options={levelOptions}
          value={parsed.isValid ? (parsed.terms.level ?? '') : ''}
          onChange={(event) => setFilter(withLevel(filter, event.target.value))}
        />
        <Button tone="ghost" onClick={tail.clear}>
          Clear
        </Button>
        <span role="status" className="ml-auto inline-flex items-center gap-2 text-sm text-muted">
          <Dot tone={isOpen ? 'ok' : 'warn'} isPulsing={isOpen && canFollow} />
          {canFollow ? liveTexts[tail.state] : 'Stored lines'}
        </span>
        <span className="tabular text-xs text-faint">{formatCount(tail.lines.length)} lines</span>
        <p
          id="log-filter-note"
          className={classes('w-full text-xs', hint === undefined ? 'text-faint' : 'text-danger')}
        >
          {hint ??
            (canFollow
              ? 'level: fn: version: inv: stream: status: "text" -"text"; all terms have to hold'
              : 'The status is known when a call is over: stored lines, renewed every three seconds')}
        </p>
      </div>
      {tail.error !== undefined && (
        <div className="p-4">
          <ErrorCallout error={tail.error} />
        </div>
      )}
      <Missing tail={tail} />
      {tail.lines.length === 0 && tail.error === undefined ? (
        <EmptyState
          icon={<ScrollText />}
          title={settled === '' ? 'Waiting for the first line' : 'No line matches so far'}
        >
          <p className="mb-3">
            What the code writes with console.log or print appears here within a second, each line with the call that
            wrote it. The same in a terminal:
          </p>
          <CodeBlock text={command(functionName, settled)} label="command" className="text-left" />
        </EmptyState>
      ) : (
        <LogList
          lines={tail.lines}
          dropped={tail.dropped}
          withFunction={functionName === undefined}
          onInvocation={setOpenId}
        />
      )}
      <InvocationPanel id={openId} onClose={() => setOpenId('')} />
    </Card>
  );
}
