import { processDeployError } from '../api/deploy-error.ts';
import type { WatchedBuild } from '../api/use-build.ts';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { BuildLog, BuildSteps, LiveBuild } from './build-view.tsx';
import { Pulls } from './pulls.tsx';

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
        {isImage === true && <Pulls className="text-sm text-muted" />}
      </>
    );
  }
  if (error !== null && error !== undefined) {
    const refused = processDeployError(error);
    return (
      <div className="flex flex-col gap-2">
        {refused.code === 'build_cancelled' ? (
          <Callout tone="info" title={refused.message} isAlert />
        ) : (
          <ErrorCallout error={refused} />
        )}
        {build?.error != null && <BuildSteps build={build} now={0} />}
        <BuildLog lines={refused.buildLog.map((text) => ({ text }))} />
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
