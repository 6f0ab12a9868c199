import { Download, Pause, Play } from 'lucide-react';
import { useState } from 'react';
import type { LogSnapshot } from '../api/log-buffer.ts';
import type { LogTail } from '../api/use-log-tail.ts';
import { Dot } from '../ui/badge.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { saveFile } from '../util/csv.ts';
import { counted } from '../util/format.ts';
import { isFollowing, liveTexts } from '../util/live-text.ts';

export interface PausedTail {
  /** What to show: the newest lines, or those that were there when somebody paused. */
  readonly shown: LogTail;
  readonly isPaused: boolean;
  readonly toggle: () => void;
  /** How many lines came since the pause. */
  readonly news: number;
}

/** Holds the lines as they are, until somebody goes on; what comes meanwhile is kept for then. Other lines begin live. */
export function usePause(tail: LogTail, about: string): PausedTail {
  const [held, setHeld] = useState<{ readonly about: string; readonly snapshot: LogSnapshot }>();
  const isPaused = held?.about === about;
  const goOn = () => setHeld(undefined);
  const { lines, dropped } = tail;
  const shown: LogTail = isPaused
    ? {
        ...tail,
        ...held.snapshot,
        clear: () => {
          goOn();
          tail.clear();
        },
        loadOlder: async () => {
          goOn();
          await tail.loadOlder();
        },
      }
    : tail;
  const toggle = () => setHeld(isPaused ? undefined : { about, snapshot: { lines, dropped } });
  return { shown, isPaused, toggle, news: lines.length + dropped - (shown.lines.length + shown.dropped) };
}

/** Saves, holds and clears the lines that are followed. */
export function TailControls({ paused, name }: { readonly paused: PausedTail; readonly name: string }) {
  const { shown, isPaused, toggle } = paused;
  const Icon = isPaused ? Play : Pause;
  return (
    <>
      <IconButton
        label="Save the lines that are shown"
        disabledReason={shown.lines.length === 0 ? 'There is nothing to save' : undefined}
        onClick={() =>
          saveFile(
            `${name}.jsonl`,
            'application/jsonl',
            shown.lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
          )
        }
      >
        <Download className="size-4" aria-hidden="true" />
      </IconButton>
      <IconButton label={isPaused ? 'Go live' : 'Pause'} aria-keyshortcuts="l" data-shortcut="live" onClick={toggle}>
        <Icon className="size-4" aria-hidden="true" />
      </IconButton>
      <Button tone="ghost" onClick={shown.clear}>
        Clear
      </Button>
    </>
  );
}

/** Whether the lines are followed, how many there are, and how many wait for the end of a pause. */
export function TailState({ paused }: { readonly paused: PausedTail }) {
  const { shown, isPaused, toggle, news } = paused;
  const isOpen = isFollowing(shown.state);
  return (
    <>
      <span role="status" className="ml-auto inline-flex items-center gap-2 text-sm text-muted">
        <Dot tone={isPaused ? 'neutral' : isOpen ? 'ok' : 'warn'} isPulsing={isOpen && !isPaused} />
        {isPaused ? 'Paused' : liveTexts[shown.state]}
      </span>
      {news > 0 && (
        <Button size="small" onClick={toggle}>
          {counted(news, 'new line')}
        </Button>
      )}
      <span className="tabular text-xs text-faint">{counted(shown.lines.length, 'line')}</span>
    </>
  );
}
