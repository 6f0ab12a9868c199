import { createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Multipart } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { PlatformError } from '../../shared/errors.ts';
import type { BundleSource } from '../core/ports/bundle-builder.ts';
import { checkShape, parseJson } from './json-body.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The archive of a multipart deploy. */
    upload: Upload | undefined;
  }
}

/** An archive in a temporary file of its own; `discard` deletes it. */
interface Upload {
  readonly source: BundleSource;
  discard(): Promise<void>;
}

export interface UploadLimits {
  /** Existing directory for temporary files. */
  readonly directory: string;
  readonly maxArchiveBytes: number;
  readonly maxConfigBytes: number;
}

const badUpload = (message: string) => new PlatformError('invalid_request', 'bad_upload', message);

/**
 * Reads a multipart deploy: part `config` (JSON) becomes the request's body, so that the same schema checks it, and part
 * `bundle` (.zip or .tar.gz) goes to a temporary file without passing through memory. Rejects with
 * `invalid_request`/`bad_upload` or `bad_json`, `payload_too_large`.
 */
export async function receiveUpload(request: FastifyRequest, limits: UploadLimits): Promise<void> {
  try {
    await readParts(request, limits);
  } catch (error) {
    // The parser throws plain errors at malformed forms; those with a status or from the file system speak for themselves.
    const isPlain = error instanceof Error && !('statusCode' in error) && !('syscall' in error);
    if (error instanceof PlatformError || !isPlain) throw error;
    throw badUpload(`this is not a valid multipart form: ${error.message.slice(0, 100)}`);
  }
}

async function readParts(request: FastifyRequest, limits: UploadLimits): Promise<void> {
  let config: unknown;
  const options = {
    limits: { fileSize: limits.maxArchiveBytes, fieldSize: limits.maxConfigBytes, files: 2, fields: 4, parts: 4 },
  };
  for await (const part of request.parts(options)) {
    if (part.fieldname === 'bundle' && part.type === 'file') {
      if (request.upload !== undefined) throw badUpload('the part `bundle` is there twice');
      request.upload = await storeArchive(part.file, limits.directory);
    } else if (part.fieldname === 'config') {
      if (config !== undefined) throw badUpload('the part `config` is there twice');
      config = await readConfig(part);
    } else {
      if (part.type === 'file') part.file.resume();
      throw badUpload('a deploy has the parts `config` (JSON) and `bundle` (a file: .zip or .tar.gz), and no others');
    }
  }
  if (request.upload === undefined) throw badUpload('the part `bundle` is missing: send the archive as a file');
  request.body = config ?? {};
}

async function readConfig(part: Multipart): Promise<unknown> {
  return part.type === 'file' ? parseJson((await part.toBuffer()).toString('utf8')) : configValue(part.value);
}

/** The multipart reader parses fields that say they are JSON by itself. */
function configValue(value: unknown): unknown {
  if (typeof value === 'string') return parseJson(value);
  checkShape(value);
  return value;
}

async function storeArchive(file: NodeJS.ReadableStream & { truncated?: boolean }, directory: string): Promise<Upload> {
  const folder = await mkdtemp(join(directory, 'upload-'));
  const path = join(folder, 'bundle');
  const discard = () => rm(folder, { recursive: true, force: true });
  try {
    await pipeline(file, createWriteStream(path, { mode: 0o600, flags: 'wx' }));
    if (file.truncated === true) {
      throw new PlatformError('payload_too_large', 'payload_too_large', 'the archive is larger than a bundle may be');
    }
    return { source: { kind: 'archive', path, format: await archiveFormat(path) }, discard };
  } catch (error) {
    await discard();
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    throw new PlatformError('unavailable', 'storage_full', 'there is no room for this upload; free some disk space', {
      cause: error,
    });
  }
}

/** By its first bytes: what a client calls a file says nothing. */
async function archiveFormat(path: string): Promise<'zip' | 'tar.gz'> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (bytesRead >= 2 && buffer[0] === 0x1f && buffer[1] === 0x8b) return 'tar.gz';
    if (bytesRead === 4 && buffer[0] === 0x50 && buffer[1] === 0x4b) return 'zip';
  } finally {
    await file.close();
  }
  throw badUpload('the part `bundle` is neither a .zip nor a .tar.gz');
}
