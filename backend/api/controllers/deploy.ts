import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deployed, InlineFiles } from '../../../shared/api/functions.ts';
import { PlatformError } from '../../../shared/errors.ts';
import type { Deployment } from '../../control-plane/deployments.ts';
import type { BundleSource } from '../../core/ports/bundle-builder.ts';
import { functionDocument, functionUrl, versionDocument } from '../documents.ts';
import { receiveUpload, type UploadLimits } from '../uploads.ts';

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

export function deployedDocument({ entry, version, buildLog }: Deployment, gatewayUrl: string): Deployed {
  return {
    function: functionDocument(entry, gatewayUrl, undefined),
    version: versionDocument(version, entry),
    buildLog: [...buildLog],
    url: functionUrl(entry, gatewayUrl),
  };
}
