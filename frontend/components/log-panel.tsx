import { ArrowUp, ScrollText, WrapText } from 'lucide-react';
import { useMemo, useState } from 'react';
import { logLevels, parseLogFilter, withLevel } from '../../shared/log-filter.ts';
import { shellQuote } from '../../shared/request-curl.ts';
import { type LogTail, useLogTail } from '../api/use-log-tail.ts';
import { Dot } from '../ui/badge.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { classes } from '../ui/classes.ts';
import { CodeBlock } from '../ui/copy-button.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Input, Select } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
import { formatCount } from '../util/format.ts';
import { useSettled, useSlashFocus, useTimeRange, useUrlValue, useZoom } from '../util/hooks.ts';
import { InvocationPanel } from './invocation-panel.tsx';
import { LogList } from './log-list.tsx';
import { LogVolumeBars } from './log-volume-bars.tsx';
import { RangeChoice } from './range-picker.tsx';
import { StoredLines } from './stored-lines.tsx';
import { TailControls, TailState, usePause } from './tail-controls.tsx';

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

/** The way to lines before those that are shown. */
function Older({ tail }: { readonly tail: LogTail }) {
  const [isLoading, setIsLoading] = useState(false);
  if (!tail.hasOlder || tail.dropped > 0) return null;
  return (
    <div className="border-b border-line p-1 text-center">
      <Button
        tone="ghost"
        size="small"
        icon={<ArrowUp className="size-3.5" aria-hidden="true" />}
        isBusy={isLoading}
        onClick={() => {
          setIsLoading(true);
          tail
            .loadOlder()
            .catch((error: unknown) => toast.failed('Older lines were not found', error))
            .finally(() => setIsLoading(false));
        }}
      >
        Older lines
      </Button>
    </div>
  );
}

/** What was written lately and is written now. */
function Tail({
  tail,
  functionName,
  filter,
  ...list
}: {
  readonly tail: LogTail;
  readonly functionName: string | undefined;
  readonly filter: string;
  readonly isWrapped: boolean;
  readonly onInvocation: (id: string) => void;
}) {
  const isEmpty = tail.lines.length === 0 && tail.error === undefined;
  return (
    <>
      <Missing tail={tail} />
      {(!isEmpty || filter !== '') && <Older tail={tail} />}
      {isEmpty ? (
        <EmptyState
          icon={<ScrollText />}
          title={filter === '' ? 'Waiting for the first line' : 'No line matches so far'}
        >
          <p className="mb-3">
            What the code writes with console.log or print appears here within a second, each line with the call that
            wrote it. The same in a terminal:
          </p>
          <CodeBlock text={command(functionName, filter)} label="command" className="text-left" />
        </EmptyState>
      ) : (
        <LogList lines={tail.lines} dropped={tail.dropped} withFunction={functionName === undefined} {...list} />
      )}
    </>
  );
}

function FilterNote({
  id,
  fault,
  isPolled,
}: {
  readonly id: string;
  /** What is wrong with the filter. */
  readonly fault: string | undefined;
  readonly isPolled: boolean;
}) {
  const words = isPolled
    ? 'The status is known when a call is over: stored lines, renewed every three seconds'
    : 'level: fn: version: inv: stream: status: "text" -"text"; all terms have to hold';
  return (
    <p id={id} className={classes('w-full text-xs', fault === undefined ? 'text-faint' : 'text-danger')}>
      {fault ?? words}
    </p>
  );
}

/** Lines of one function or of all, followed as they come, chosen by a filter that is in the address. */
export function LogPanel({ functionName }: { readonly functionName?: string }) {
  const [filter, setFilter] = useUrlValue('filter');
  const [openId, setOpenId] = useUrlValue('invocation');
  const [wrap, setWrap] = useUrlValue('wrap');
  const isWrapped = wrap !== '';
  useSlashFocus('log-filter');
  const parsed = useMemo(() => parseLogFilter(filter), [filter]);
  const settled = useSettled(parsed.isValid ? filter.trim() : '', 300);
  const asked = parseLogFilter(settled);
  const canFollow = !asked.isValid || asked.terms.status === undefined;
  const newest = useLogTail({ functionName, filter: settled, canFollow });
  const paused = usePause(newest, `${functionName ?? ''} ${settled}`);
  const tail = paused.shown;
  const [{ fixed }] = useTimeRange();
  const zoom = useZoom();
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
        <RangeChoice or="none" />
        <IconButton label="Wrap long lines" aria-pressed={isWrapped} onClick={() => setWrap(isWrapped ? '' : '1')}>
          <WrapText className={classes('size-4', isWrapped && 'text-accent')} aria-hidden="true" />
        </IconButton>
        {fixed === undefined && <TailControls paused={paused} name={functionName ?? 'logs'} />}
        {fixed === undefined && canFollow ? (
          <TailState paused={paused} />
        ) : (
          <span role="status" className="ml-auto inline-flex items-center gap-2 text-sm text-muted">
            <Dot tone="ok" />
            Stored lines
          </span>
        )}
        <FilterNote id="log-filter-note" fault={hint} isPolled={!canFollow && fixed === undefined} />
      </div>
      {tail.error !== undefined && (
        <div className="p-4">
          <ErrorCallout error={tail.error} />
        </div>
      )}
      {asked.isValid && (
        <LogVolumeBars
          functionName={functionName}
          filter={settled}
          {...(fixed === undefined && { lines: tail.lines })}
          onChoose={(fromMs, toMs) => zoom(fromMs / 1000, toMs / 1000)}
        />
      )}
      {fixed === undefined ? (
        <Tail tail={tail} functionName={functionName} filter={settled} isWrapped={isWrapped} onInvocation={setOpenId} />
      ) : (
        <StoredLines
          functionName={functionName}
          filter={settled}
          since={new Date(fixed.fromMs).toISOString()}
          until={new Date(fixed.toMs).toISOString()}
          isWrapped={isWrapped}
          onInvocation={setOpenId}
        />
      )}
      <InvocationPanel id={openId} onClose={() => setOpenId('')} />
    </Card>
  );
}
