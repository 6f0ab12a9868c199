import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, Copy, Link2 } from 'lucide-react';
import { memo, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { LogLine } from '../../shared/api/invocations.ts';
import { Button } from '../ui/button.tsx';
import { classes } from '../ui/classes.ts';
import { copyText } from '../ui/copy-button.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { ScrollArea } from '../ui/scroll-area.tsx';
import { toast } from '../ui/toast.tsx';
import { stripAnsi } from '../util/ansi.ts';
import { lineLink } from '../util/line-link.ts';
import { versionText } from '../util/version-text.ts';
import { levelClasses } from './log-lines.tsx';

const rowPx = 24;

/** Rows beyond each edge of what is visible: browsers scroll before the page hears of it. */
const overscan = 10;

interface RowProps {
  readonly line: LogLine;
  readonly withFunction: boolean;
  /** Shows all of a line, on as many rows as that takes. */
  readonly isWrapped: boolean;
  readonly onInvocation: (id: string) => void;
}

function copy(text: string, done: string): void {
  copyText(text).then(
    () => toast.done(done),
    (error: unknown) => toast.failed('Not copied', error),
  );
}

const copyClasses = 'grid size-6 place-items-center rounded text-muted hover:text-accent';

/** Shown on the row that somebody points at or has the focus in. */
function CopyLine({ line }: { readonly line: LogLine }) {
  return (
    <span className="absolute top-0 right-20 flex bg-raised opacity-0 group-hover:opacity-100 focus-within:opacity-100 max-sm:hidden">
      <button
        type="button"
        title="Copy the line"
        className={copyClasses}
        onClick={(event) => {
          event.stopPropagation();
          copy(line.text, 'The line is copied');
        }}
      >
        <Copy className="size-3.5" aria-hidden="true" />
        <span className="sr-only">Copy the line</span>
      </button>
      <button
        type="button"
        title="Copy a link to the line"
        className={copyClasses}
        onClick={(event) => {
          event.stopPropagation();
          copy(lineLink(line, location.origin), 'A link to the line is copied');
        }}
      >
        <Link2 className="size-3.5" aria-hidden="true" />
        <span className="sr-only">Copy a link to the line</span>
      </button>
    </span>
  );
}

function Cells({ line, withFunction, isWrapped, onInvocation }: RowProps) {
  const { invocationId } = line;
  return (
    <>
      <DateTime at={line.at} as="clock" className="tabular shrink-0 text-faint" />
      <span className={classes('w-3 shrink-0 sm:w-10', levelClasses[line.level])}>
        <span aria-hidden="true" className="sm:hidden">
          {line.level.charAt(0).toUpperCase()}
        </span>
        <span className="max-sm:sr-only">{line.level}</span>
      </span>
      {withFunction && (
        <span className="w-14 shrink-0 truncate text-muted sm:w-36" title={line.functionName}>
          {line.functionName}
        </span>
      )}
      <span className="hidden w-9 shrink-0 text-faint sm:inline">{versionText(line)}</span>
      <span
        title={line.text}
        className={classes(
          'min-w-0 grow',
          isWrapped ? 'break-words whitespace-pre-wrap' : 'truncate whitespace-pre',
          line.stream === 'platform' && 'text-muted italic',
        )}
      >
        {isWrapped ? stripAnsi(line.text) : stripAnsi(line.text).replaceAll('\n', ' ⏎ ')}
      </span>
      <CopyLine line={line} />
      {invocationId !== null && (
        <button
          type="button"
          className={classes(
            'min-w-6 shrink-0 text-faint hover:text-accent hover:underline',
            isWrapped ? 'min-h-6 self-start leading-4' : 'h-6',
          )}
          onClick={() => onInvocation(invocationId)}
        >
          <span className="sr-only">Invocation </span>
          <span className="max-sm:sr-only">…{invocationId.slice(-6)}</span>
          <span aria-hidden="true" className="sm:hidden">
            →
          </span>
        </button>
      )}
    </>
  );
}

/** A click opens the call of the line; marking its text to copy it does not. */
function openUnlessSelecting(line: LogLine, open: (id: string) => void): void {
  if (line.invocationId !== null && (getSelection()?.isCollapsed ?? true)) open(line.invocationId);
}

interface PlacedRowProps extends RowProps {
  readonly index: number;
  readonly startPx: number;
  /** Of rows whose height is not known before they are there. */
  readonly measure: ((element: HTMLElement | null) => void) | undefined;
}

/** One row in its place. With every frame of scrolling most rows are the ones of the frame before, and are not rendered again. */
const Row = memo(function Row({ index, startPx, measure, ...row }: PlacedRowProps) {
  const { line, isWrapped, onInvocation } = row;
  return (
    // The row as a whole is a larger target for the mouse; the button inside it serves the keyboard.
    // biome-ignore lint/a11y/noStaticElementInteractions: see above
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <div
      data-index={index}
      ref={measure}
      onClick={() => openUnlessSelecting(line, onInvocation)}
      className={classes(
        'group absolute top-0 left-0 flex w-full gap-3 px-4 hover:bg-raised',
        isWrapped ? 'items-start py-1' : 'items-center',
        line.invocationId !== null && 'cursor-pointer',
        line.level === 'error' && 'bg-danger-soft',
      )}
      style={{ ...(isWrapped ? {} : { height: rowPx }), transform: `translateY(${startPx}px)` }}
    >
      <Cells {...row} />
    </div>
  );
});

export interface LogListProps {
  readonly lines: readonly LogLine[];
  /** How many lines there once were before the first. */
  readonly dropped?: number;
  /** The lines are of several functions. */
  readonly withFunction?: boolean;
  readonly isWrapped?: boolean;
  readonly onInvocation: (id: string) => void;
}

/** A tail of any length: only what is visible is in the page. Scrolling up stops the following; the button goes on. */
export function LogList({ lines, dropped = 0, withFunction = false, isWrapped = false, onInvocation }: LogListProps) {
  const area = useRef<HTMLElement>(null);
  const lastTop = useRef(0);
  const lastDropped = useRef(dropped);
  const [isFollowing, setIsFollowing] = useState(true);
  const [seenId, setSeenId] = useState('');
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => area.current,
    estimateSize: () => rowPx,
    overscan,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: heights of before say nothing once lines are wrapped, or not any more
  useLayoutEffect(() => virtual.measure(), [isWrapped]);
  const lastId = lines.at(-1)?.id ?? '';
  useEffect(() => {
    const element = area.current;
    if (isFollowing && element !== null && lastId !== '') element.scrollTop = element.scrollHeight;
  }, [isFollowing, lastId]);
  useLayoutEffect(() => {
    // What somebody reads stays where it is while lines before it go.
    if (area.current !== null && !isFollowing) area.current.scrollTop -= (dropped - lastDropped.current) * rowPx;
    lastDropped.current = dropped;
  }, [dropped, isFollowing]);
  const onScroll = () => {
    const element = area.current;
    if (element === null) return;
    const isUp = element.scrollTop < lastTop.current;
    lastTop.current = element.scrollTop;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < rowPx * 2;
    // New lines move the end away before this hears of the last scrolling: only a way up ends the following.
    if (isFollowing ? isUp && !isAtEnd : isAtEnd) {
      setIsFollowing(isAtEnd);
      setSeenId(lastId);
    }
  };
  const seenAt = isFollowing ? lines.length - 1 : lines.findLastIndex((line) => line.id === seenId);
  const newLines = lines.length - 1 - seenAt;
  return (
    <div className="relative">
      <ScrollArea
        areaRef={area}
        role="log"
        label="Log lines"
        onScroll={onScroll}
        className="h-[min(60vh,40rem)] overflow-y-auto overflow-x-hidden py-1 font-mono text-xs"
      >
        <div className="relative w-full" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const line = lines[item.index];
            if (line === undefined) return null;
            return (
              <Row
                key={line.id}
                line={line}
                index={item.index}
                startPx={item.start}
                measure={isWrapped ? virtual.measureElement : undefined}
                withFunction={withFunction}
                isWrapped={isWrapped}
                onInvocation={onInvocation}
              />
            );
          })}
        </div>
      </ScrollArea>
      {!isFollowing && (
        <div className="absolute bottom-3 left-1/2 -translate-x-1/2">
          <Button
            tone="primary"
            size="small"
            icon={<ArrowDown className="size-3.5" aria-hidden="true" />}
            onClick={() => setIsFollowing(true)}
          >
            {newLines > 0 ? `${newLines} new ${newLines === 1 ? 'line' : 'lines'}` : 'Follow'}
          </Button>
        </div>
      )}
    </div>
  );
}
