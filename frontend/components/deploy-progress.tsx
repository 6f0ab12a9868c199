import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { processServerError } from '../api/server-error.ts';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { ScrollArea } from '../ui/scroll-area.tsx';
import { Spinner } from '../ui/spinner.tsx';
import { formatBytes, formatSpan } from '../util/format.ts';

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

/** How far the platform is with images that it pulls. */
function Pulls() {
  const { data } = useQuery(queries.pulls(useApi()));
  return (
    <ul className="mt-1 flex flex-col gap-1">
      {(data?.pulls ?? []).map((pull) => (
        <li key={pull.reference} className="tabular">
          <code className="font-mono wrap-anywhere">{pull.reference}</code>: {pull.layersDone} of {pull.layers} layers,{' '}
          {formatBytes(pull.currentBytes)} of {formatBytes(pull.totalBytes)}
        </li>
      ))}
    </ul>
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
        {isImage === true && <Pulls />}
      </Callout>
    );
  }
  if (error !== null && error !== undefined) {
    const problem = processServerError(error);
    // Places in files are in the list above the editor.
    const fields = problem.fields.filter(({ path }) => problem.code !== 'build_failed' || path !== 'files');
    return (
      <div className="flex flex-col gap-2">
        <ErrorCallout error={{ ...problem, fields }} />
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
