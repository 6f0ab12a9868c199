import { useQuery } from '@tanstack/react-query';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { processServerError } from '../api/server-error.ts';
import type { WatchedBuild } from '../api/use-build.ts';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { formatBytes } from '../util/format.ts';
import { BuildLog, BuildSteps, LiveBuild } from './build-view.tsx';

/** How far the platform is with images that it pulls. */
function Pulls() {
  const { data } = useQuery(queries.pulls(useApi()));
  return (
    <ul className="flex flex-col gap-1 text-sm text-muted">
      {(data?.pulls ?? []).map((pull) => (
        <li key={pull.reference} className="tabular">
          <code className="font-mono wrap-anywhere">{pull.reference}</code>: {pull.layersDone} of {pull.layers} layers,{' '}
          {formatBytes(pull.currentBytes)} of {formatBytes(pull.totalBytes)}
        </li>
      ))}
    </ul>
  );
}

export interface DeployStepsProps {
  readonly isDeploying: boolean;
  readonly error: unknown;
  readonly watched: WatchedBuild;
  /** A container image: it may have to be pulled first. */
  readonly isImage?: boolean;
}

/** How a deployment goes: running step by step, refused with the build's own words, or done. */
export function DeploySteps({ isDeploying, error, watched, isImage }: DeployStepsProps) {
  const { build, lines } = watched.progress;
  if (isDeploying) {
    return (
      <>
        <LiveBuild {...watched} />
        {isImage === true && <Pulls />}
      </>
    );
  }
  if (error !== null && error !== undefined) {
    const problem = processServerError(error);
    // Places in files are in the list above the editor.
    const fields = problem.fields.filter(({ path }) => problem.code !== 'build_failed' || path !== 'files');
    return (
      <div className="flex flex-col gap-2">
        {problem.code === 'build_cancelled' ? (
          <Callout tone="info" title={problem.message} isAlert />
        ) : (
          <ErrorCallout error={{ ...problem, fields }} />
        )}
        {build?.error != null && <BuildSteps build={build} now={0} />}
        <BuildLog lines={problem.buildLog.map((text) => ({ text }))} />
      </div>
    );
  }
  if (build === undefined) return null;
  return (
    <details>
      <summary className="text-sm text-muted">Build log</summary>
      <div className="mt-2 flex flex-col gap-2">
        <BuildSteps build={build} now={0} />
        <BuildLog lines={lines} />
      </div>
    </details>
  );
}
