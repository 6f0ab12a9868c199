import type { LogLine } from '../../shared/api/invocations.ts';
import { classes } from '../ui/classes.ts';
import { DateTime } from '../ui/date-time.tsx';
import { JsonTree, jsonObjectOf } from '../ui/json-tree.tsx';
import { ScrollArea } from '../ui/scroll-area.tsx';
import { stripAnsi } from '../util/ansi.ts';

export const levelClasses: Readonly<Record<LogLine['level'], string>> = {
  debug: 'text-faint',
  info: 'text-info',
  warn: 'text-warn',
  error: 'text-danger',
};

/** A structured line as a tree, behind its text; any other as it is. */
function Text({ text }: { readonly text: string }) {
  const value = jsonObjectOf(text);
  if (value === undefined) return <span className="min-w-0 break-words whitespace-pre-wrap">{text}</span>;
  return (
    <details className="min-w-0 grow">
      <summary className="cursor-pointer break-all whitespace-pre-wrap">{text}</summary>
      <JsonTree value={value} />
    </details>
  );
}

/** The few lines of one invocation; long streams use LogList. */
export function LogLines({ lines }: { readonly lines: readonly LogLine[] }) {
  if (lines.length === 0) return <p className="text-sm text-muted">This call wrote no log lines.</p>;
  return (
    <ScrollArea label="Log lines" className="max-h-96 overflow-auto rounded-md border border-line bg-raised py-1.5">
      <ol className="font-mono text-xs leading-5">
        {lines.map((line) => (
          <li key={line.id} className="flex gap-3 px-3">
            <DateTime at={line.at} as="clock" className="tabular shrink-0 text-faint" />
            <span className={classes('w-10 shrink-0', levelClasses[line.level])}>{line.level}</span>
            <Text text={stripAnsi(line.text)} />
          </li>
        ))}
      </ol>
    </ScrollArea>
  );
}
