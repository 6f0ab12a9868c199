import type { BuildDocument } from '../../shared/api/builds.ts';
import type { CreateFunction } from '../../shared/api/functions.ts';
import type { Api } from '../api/api.ts';
import { buildApi } from '../api/builds.ts';
import { type WatchedBuild, watchToEnd } from '../api/use-build.ts';
import { noProgress } from '../util/build-progress.ts';
import { DeploySteps, type DeployStepsProps } from './deploy-steps.tsx';

const nothing: WatchedBuild = { progress: noProgress, isLost: false };

/** Begins the first build of a function and shows how it goes. Rejects with ApiError when nothing came of it. */
export async function deployFunction(
  api: Api,
  body: CreateFunction,
  show: (watched: WatchedBuild) => void,
): Promise<BuildDocument> {
  return await watchToEnd(api, await buildApi.createFunction(api, body), show);
}

interface NewFunctionDeployProps extends Omit<DeployStepsProps, 'watched'> {
  /** Undefined: it has not begun. */
  readonly watched: WatchedBuild | undefined;
}

/** The steps of a function's first build. */
export function NewFunctionDeploy({ watched = nothing, ...props }: NewFunctionDeployProps) {
  return <DeploySteps {...props} watched={watched} />;
}
