import { useEffect, useState } from 'react';
import { processDeployError } from '../api/deploy-error.ts';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { ScrollArea } from '../ui/scroll-area.tsx';
import { Spinner } from '../ui/spinner.tsx';
import { formatSpan } from '../util/format.ts';
import { Pulls } from './pulls.tsx';

function Seconds() {
  const [startedAt] = useState(() => Date.now());
  const [now, setNow] = useState(startedAt);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return <span className="tabular">{formatSpan(now - startedAt)}</span>;
}

function BuildLog({ lines }: { readonly lines: readonly string[] }) {
  if (lines.length === 0) return null;
  return (
    <ScrollArea label="Build log" className="max-h-72 overflow-auto rounded-md border border-line bg-raised">
      <pre className="px-3 py-2 font-mono text-xs leading-5 whitespace-pre-wrap">{lines.join('\n')}</pre>
    </ScrollArea>
  );
}

export interface DeployProgressProps {
  readonly isDeploying: boolean;
  readonly error: unknown;
  readonly buildLog: readonly string[] | undefined;
  /** A container image: it may have to be pulled first. */
  readonly isImage?: boolean;
}

/** How a first deployment goes: running, refused with the build's own words, or done. Without steps (deploy-steps.tsx), for which the page of a new function has no room. */
export function DeployProgress({ isDeploying, error, buildLog, isImage }: DeployProgressProps) {
  if (isDeploying) {
    return (
      <Callout
        tone="info"
        title={
          <Spinner
            label={isImage === true ? 'Finding and starting the image' : 'Building and starting the new version'}
          />
        }
      >
        <Seconds />
        {isImage === true && <Pulls className="mt-1" />}
      </Callout>
    );
  }
  if (error !== null && error !== undefined) {
    const refused = processDeployError(error);
    return (
      <div className="flex flex-col gap-2">
        <ErrorCallout error={refused} />
        <BuildLog lines={refused.buildLog} />
      </div>
    );
  }
  if (buildLog === undefined || buildLog.length === 0) return null;
  return (
    <details>
      <summary className="text-sm text-muted">Build log</summary>
      <BuildLog lines={buildLog} />
    </details>
  );
}
