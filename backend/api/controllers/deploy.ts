import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { buildIdHeader, type deployQuerySchema } from '../../../shared/api/builds.ts';
import type { Deployed, InlineFiles } from '../../../shared/api/functions.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { shortNameOf } from '../../../shared/names.ts';
import type { StartedBuild } from '../../control-plane/builds.ts';
import type { DeployContext, Deployment } from '../../control-plane/deployments.ts';
import type { BundleSource } from '../../core/ports/bundle-builder.ts';
import { buildDocument } from '../build-documents.ts';
import { actorOf, clientOf, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { functionDocument, functionUrl, versionDocument } from '../documents.ts';
import { etagOf } from '../etag.ts';
import { receiveUpload, type UploadLimits } from '../uploads.ts';

export const noWaitDescription =
  'With `Prefer: respond-async` or `?wait=false` the answer is 202 and the build as it begins, at `Location`, whatever comes of it; else 201 when it is over. The header `hearth-build-id` names the build either way.';

/** A multipart deploy is taken apart before validation, so that one schema checks both forms. */
export async function receiveDeploy(request: FastifyRequest, limits: UploadLimits): Promise<void> {
  if (request.isMultipart()) await receiveUpload(request, limits);
}

/** The code of a deploy: the uploaded archive, or inline files; undefined when there is none. */
export function deploySource(request: FastifyRequest, files: InlineFiles | undefined): BundleSource | undefined {
  if (request.upload === undefined) return files === undefined ? undefined : { kind: 'inline', files };
  if (files !== undefined) {
    throw new PlatformError('invalid_request', 'bad_upload', 'give the code once: as `files`, or as the part `bundle`');
  }
  return request.upload.source;
}

/** Aborts when the client is gone before the answer is out. */
export function disconnectSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** Answers a deploy: at once with 202 where the caller asks for that (RFC 7240, or `?wait=false`), else with 201 when it is over. */
export async function answerDeploy(
  { controlPlane, facts }: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  start: (how: Omit<DeployContext, 'expectedRevision'>) => Promise<StartedBuild<Deployment>>,
): Promise<FastifyReply> {
  const isDetached = asksForNoWait(request);
  const source = clientOf(request);
  const started = await start({
    actor: actorOf(request),
    source,
    signal: isDetached ? undefined : disconnectSignal(reply),
  });
  if (source === 'ci') {
    const project = projectOfRequest(request);
    started.done.then(
      () => controlPlane.firstUses.note(project, 'ci'),
      () => undefined,
    );
  }
  const { id } = started.build.record;
  reply.header(buildIdHeader, id);
  if (isDetached) {
    keepUpload(request, started.done);
    reply.header('location', `/api/v1/builds/${id}`).header('preference-applied', 'respond-async');
    return reply.code(202).send(buildDocument(await controlPlane.builds.get(projectOfRequest(request), id)));
  }
  const deployment = await started.done;
  const { entry, version } = deployment;
  const name = shortNameOf(entry.record.name);
  const isFirst = version.version === 1;
  reply.header('location', `/api/v1/functions/${name}${isFirst ? '' : `/versions/${version.version}`}`);
  reply.header('etag', etagOf(entry.record.revision));
  return reply.code(201).send(deployedDocument(deployment, facts.gatewayUrl()));
}

function asksForNoWait({ query, headers }: FastifyRequest): boolean {
  if ((query as z.infer<typeof deployQuerySchema>).wait === 'false') return true;
  return /(?:^|,)\s*respond-async\s*(?:[,;]|$)/i.test(String(headers['prefer'] ?? ''));
}

/** Else it goes with the request, which is over long before the build. */
function keepUpload(request: FastifyRequest, done: Promise<unknown>): void {
  const { upload } = request;
  request.upload = undefined;
  const discard = () => void upload?.discard().catch(() => undefined);
  done.then(discard, discard);
}

function deployedDocument({ entry, version, buildLog }: Deployment, gatewayUrl: string): Deployed {
  return {
    function: functionDocument(entry, gatewayUrl, undefined),
    version: versionDocument(version, entry),
    buildLog: [...buildLog],
    url: functionUrl(entry, gatewayUrl),
  };
}
