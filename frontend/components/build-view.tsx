import { Ban, Check, X } from 'lucide-react';
import { useEffect, useRef } from 'react';
import type { BuildDocument, BuildLine, BuildStep } from '../../shared/api/builds.ts';
import { isOver } from '../../shared/build-states.ts';
import { useCancelBuild, type WatchedBuild } from '../api/use-build.ts';
import { Callout } from '../ui/callout.tsx';
import { ScrollArea } from '../ui/scroll-area.tsx';
import { Spinner } from '../ui/spinner.tsx';
import { doingText, stepWords, tookMs } from '../util/build-progress.ts';
import { formatMs, formatSpan } from '../util/format.ts';
import { useNow } from '../util/hooks.ts';
import { PermittedButton } from './permitted-button.tsx';

/** Near enough to the end to go on with it. */
const followPx = 24;

/** The lines of a build; it stays at its end while it grows, unless somebody reads further up. */
export function BuildLog({ lines }: { readonly lines: readonly Pick<BuildLine, 'text'>[] }) {
  const area = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it moves when lines come.
  useEffect(() => {
    if (isAtEnd.current) area.current?.scrollTo({ top: area.current.scrollHeight });
  }, [lines.length]);
  if (lines.length === 0) return null;
  return (
    <ScrollArea
      label="Build log"
      role="log"
      areaRef={area}
      className="max-h-72 overflow-auto rounded-md border border-line bg-raised"
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < followPx;
      }}
    >
      <pre className="px-3 py-2 font-mono text-xs leading-5 whitespace-pre-wrap text-text wrap-anywhere">
        {lines.map(({ text }) => text).join('\n')}
      </pre>
    </ScrollArea>
  );
}

function StepIcon({ step, isFailing }: { readonly step: BuildStep; readonly isFailing: boolean }) {
  if (step.finishedAt === null) return <Spinner />;
  if (isFailing) return <X className="size-3.5 text-danger" aria-label="failed:" role="img" />;
  return <Check className="size-3.5 text-ok" aria-label="done:" role="img" />;
}

/** The steps of a build with their times. */
export function BuildSteps({ build, now }: { readonly build: BuildDocument; readonly now: number }) {
  const failing = build.error === null ? undefined : build.steps.at(-1);
  if (build.steps.length === 0) return null;
  return (
    <ol className="flex flex-wrap gap-x-4 gap-y-1 text-sm" aria-label="Steps">
      {build.steps.map((step) => (
        <li key={step.name} className="inline-flex items-center gap-1.5 text-text">
          <StepIcon step={step} isFailing={step === failing} />
          {stepWords[step.name].label}
          <span className="tabular text-muted">{formatMs(tookMs(step, now))}</span>
        </li>
      ))}
    </ol>
  );
}

/** A build that runs: what it does now, for how long, its lines, and a way to end it. */
export function LiveBuild({ progress, isLost }: WatchedBuild) {
  const now = useNow(500);
  const cancel = useCancelBuild();
  const { build, lines } = progress;
  const stop =
    build === undefined ? undefined : (
      <PermittedButton
        operation="cancelBuild"
        size="small"
        icon={<Ban className="size-3.5" aria-hidden="true" />}
        isBusy={cancel.isPending}
        onClick={() => cancel.mutate(build.id)}
      >
        Cancel
      </PermittedButton>
    );
  return (
    <div className="flex flex-col gap-2">
      <Callout
        tone={isLost ? 'warn' : 'info'}
        title={
          isLost ? (
            <span role="status">The connection was lost; the build goes on. Trying again …</span>
          ) : (
            <Spinner label={doingText(build)} />
          )
        }
        actions={stop}
      >
        {build !== undefined && (
          <div className="flex flex-col gap-2">
            <span className="tabular">{formatSpan(now - Date.parse(build.createdAt))}</span>
            <BuildSteps build={build} now={now} />
          </div>
        )}
      </Callout>
      <BuildLog lines={lines} />
    </div>
  );
}

/** How a build that is over went. */
export function EndedBuild({ progress }: Pick<WatchedBuild, 'progress'>) {
  const { build, lines } = progress;
  if (build === undefined || !isOver(build.state)) return null;
  return (
    <div className="flex flex-col gap-2">
      <BuildSteps build={build} now={0} />
      <BuildLog lines={lines} />
    </div>
  );
}
