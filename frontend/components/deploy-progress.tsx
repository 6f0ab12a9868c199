import { useEffect, useState } from 'react';
import { processServerError } from '../api/server-error.ts';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { ScrollArea } from '../ui/scroll-area.tsx';
import { Spinner } from '../ui/spinner.tsx';
import { formatSpan } from '../util/format.ts';

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
}

/** How a deployment goes: running, refused with the build's own words, or done. */
export function DeployProgress({ isDeploying, error, buildLog }: DeployProgressProps) {
  if (isDeploying) {
    return (
      <Callout tone="info" title={<Spinner label="Building and starting the new version" />}>
        <Seconds />
      </Callout>
    );
  }
  if (error !== null && error !== undefined) {
    const problem = processServerError(error);
    return (
      <div className="flex flex-col gap-2">
        <ErrorCallout error={problem} />
        <BuildLog lines={problem.buildLog} />
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
