import { ScrollText } from 'lucide-react';
import { useMemo } from 'react';
import { filterLines } from '../api/log-buffer.ts';
import { useLogTail } from '../api/use-log-tail.ts';
import { InvocationPanel } from '../components/invocation-panel.tsx';
import { LogList } from '../components/log-list.tsx';
import { useFunction } from '../components/use-function.ts';
import { Dot } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { CodeBlock } from '../ui/copy-button.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Input, Select } from '../ui/field.tsx';
import { formatCount } from '../util/format.ts';
import { useSlashFocus, useUrlValue } from '../util/hooks.ts';

const levels = [
  { value: '', label: 'All levels' },
  { value: 'info', label: 'Info and above' },
  { value: 'warn', label: 'Warnings and errors' },
  { value: 'error', label: 'Errors' },
];

export function FunctionLogsTab() {
  const { name } = useFunction();
  const tail = useLogTail(name);
  const [level, setLevel] = useUrlValue('level');
  const [search, setSearch] = useUrlValue('search');
  const [openId, setOpenId] = useUrlValue('invocation');
  useSlashFocus('log-search');
  const shown = useMemo(() => filterLines(tail.lines, level, search), [tail.lines, level, search]);
  const isOpen = tail.state === 'open';
  return (
    <Card isFlush>
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2.5">
        <Input
          id="log-search"
          type="search"
          aria-label="Filter by text"
          aria-keyshortcuts="/"
          placeholder="Filter by text   /"
          className="max-w-72"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <Select aria-label="Level" options={levels} value={level} onChange={(event) => setLevel(event.target.value)} />
        <Button tone="ghost" onClick={tail.clear}>
          Clear
        </Button>
        <span role="status" className="ml-auto inline-flex items-center gap-2 text-sm text-muted">
          <Dot tone={isOpen ? 'ok' : 'warn'} isPulsing={isOpen} />
          {isOpen ? 'Live' : 'Connecting'}
        </span>
        <span className="tabular text-xs text-faint">
          {formatCount(shown.length)} of {formatCount(tail.lines.length)}
        </span>
      </div>
      {tail.error !== undefined && (
        <div className="p-4">
          <ErrorCallout error={tail.error} />
        </div>
      )}
      {tail.dropped > 0 && (
        <p className="border-b border-line px-4 py-1 text-xs text-faint">
          … {formatCount(tail.dropped)} older lines are no longer kept in this tab
        </p>
      )}
      {tail.skipped > 0 && (
        <p className="border-b border-line px-4 py-1 text-xs text-warn">
          … {formatCount(tail.skipped)} lines came too fast to be shown live; they are stored
        </p>
      )}
      {tail.lines.length === 0 && tail.error === undefined ? (
        <EmptyState icon={<ScrollText />} title="Waiting for the first line">
          <p className="mb-3">
            What the code writes with console.log or print appears here within a second, each line with the call that
            wrote it. The same in a terminal:
          </p>
          <CodeBlock text={`hearth logs ${name} --follow`} label="command" className="text-left" />
        </EmptyState>
      ) : (
        <LogList lines={shown} onInvocation={setOpenId} />
      )}
      <InvocationPanel id={openId} onClose={() => setOpenId('')} />
    </Card>
  );
}
