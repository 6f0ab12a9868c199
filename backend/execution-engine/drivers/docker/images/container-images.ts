import { PlatformError } from '../../../../../shared/errors.ts';
import type { BundleDigest } from '../../../../../shared/ids.ts';
import type {
  ContainerImages,
  ImageRequest,
  PullView,
  ResolvedImage,
} from '../../../../core/ports/container-images.ts';
import type { EngineClient } from '../engine/engine-client.ts';
import { engineErrorCodes, isEngineError } from '../engine/engine-errors.ts';
import type { ImageInspection } from '../engine/engine-types.ts';
import { ociArchitectures } from './image-archive.ts';
import { PullProgress } from './pull-progress.ts';

/** Images of versions keep a name of ours, so that a tag that moves on does not leave them to `docker image prune`. */
const keptRepository = 'hearth/kept';
const maxVolumes = 8;

/** Finds images of users on the daemon, and pulls those that are not there. */
export class DockerContainerImages implements ContainerImages {
  readonly #engine: EngineClient;
  readonly #pulls = new Set<PullProgress>();

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  pulls(): readonly PullView[] {
    return [...this.#pulls].map((pull) => pull.view());
  }

  async resolve(request: ImageRequest, signal: AbortSignal): Promise<ResolvedImage> {
    const progress: string[] = [];
    const found = request.pull === 'always' ? undefined : await this.#find(request.reference, signal);
    if (found === undefined) await this.#pull(request, signal, progress);
    const image = found ?? (await this.#find(request.reference, signal));
    if (image === undefined)
      throw unusable(request.reference, 'is not there after it was pulled; see the log of the daemon');
    checkUsable(request.reference, image);
    const digest = image.Id.replace(/^sha256:/, '') as BundleDigest;
    await this.#engine.tagImage(`sha256:${digest}`, keptRepository, digest.slice(0, 16), signal);
    const { repository } = splitReference(request.reference);
    const pinned = image.RepoDigests?.find((name) => name.startsWith(`${repository}@`));
    progress.push(`image ${request.reference} is sha256:${digest}, ${(image.Size / 1e6).toFixed(1)} MB`);
    return { digest, sizeBytes: image.Size, pinned, progress };
  }

  async #find(reference: string, signal: AbortSignal): Promise<ImageInspection | undefined> {
    try {
      return await this.#engine.inspectImage(reference, signal);
    } catch (error) {
      if (isEngineError(error, engineErrorCodes.imageMissing)) return undefined;
      throw error;
    }
  }

  async #pull({ reference, credential }: ImageRequest, signal: AbortSignal, lines: string[]): Promise<void> {
    const pull = new PullProgress(reference);
    this.#pulls.add(pull);
    try {
      const authorization = credential === undefined ? undefined : authorizationOf(reference, credential);
      await this.#engine.pullImage({ ...splitReference(reference), authorization }, signal, (line) => pull.note(line));
      lines.push(...pull.summary());
    } catch (error) {
      if (signal.aborted) throw new PlatformError('unavailable', 'aborted', 'the pull was given up', { cause: error });
      throw pullError(reference, error, credential !== undefined);
    } finally {
      this.#pulls.delete(pull);
    }
  }
}

/** `host:port/path:tag` or `…@sha256:…`; the tag is `latest` when there is none. */
function splitReference(reference: string): { readonly repository: string; readonly tag: string } {
  const at = reference.indexOf('@');
  if (at >= 0) return { repository: withoutTag(reference.slice(0, at)), tag: reference.slice(at + 1) };
  const repository = withoutTag(reference);
  return { repository, tag: reference.length > repository.length ? reference.slice(repository.length + 1) : 'latest' };
}

/** A colon before the last slash is that of a port. */
function withoutTag(name: string): string {
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  return colon < 0 ? name : name.slice(0, colon);
}

/** X-Registry-Auth of the Engine API: JSON in base64 for URLs, padded. Only the first colon separates: passwords may have some. */
function authorizationOf(reference: string, credential: string): string {
  const colon = credential.indexOf(':');
  if (colon < 1) {
    const message = 'the secret for the registry is not of the form user:password; set it again';
    throw new PlatformError('unprocessable', 'image_denied', message, {
      issues: [{ path: 'image.pullSecret', message }],
    });
  }
  const serveraddress = reference.split('/', 1)[0];
  const account = { username: credential.slice(0, colon), password: credential.slice(colon + 1), serveraddress };
  return Buffer.from(JSON.stringify(account)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

function checkUsable(reference: string, image: ImageInspection): void {
  const architecture = ociArchitectures[process.arch] ?? process.arch;
  const { Os = 'linux', Architecture = architecture, Config } = image;
  if (Os !== 'linux' || Architecture !== architecture)
    throw unusable(reference, `is for ${Os}/${Architecture}; this host needs linux/${architecture}: build it for that`);
  if ((Config?.Entrypoint ?? []).length === 0 && (Config?.Cmd ?? []).length === 0)
    throw unusable(reference, 'has neither an entry point nor a command; give it one (ENTRYPOINT or CMD)');
  const volumes = Object.keys(Config?.Volumes ?? {}).length;
  if (volumes > maxVolumes)
    throw unusable(reference, `declares ${volumes} volumes; at most ${maxVolumes} can be given`);
}

const issue = (message: string) => ({ issues: [{ path: 'image.reference', message }] });

function unusable(reference: string, why: string): PlatformError {
  const message = `image ${reference} ${why}`;
  return new PlatformError('unprocessable', 'image_unusable', message, issue(message));
}

/** What registries say comes through the daemon as text. */
function pullError(reference: string, error: unknown, hasCredential: boolean): unknown {
  if (!(error instanceof PlatformError) || error.code === 'aborted' || error.kind === 'unprocessable') return error;
  const { diskFull, forbidden, notRunning, noPermission, lost, slow } = engineErrorCodes;
  if (isEngineError(error as unknown, diskFull, forbidden, notRunning, noPermission, lost, slow)) return error;
  const said = error.message;
  if (/denied|unauthorized|authentication|no basic auth|incorrect username/i.test(said)) {
    const how = hasCredential
      ? 'check the user and password in its pullSecret'
      : 'name a secret with user:password in pullSecret, or check the name';
    const message = `the registry does not let image ${reference} be pulled; ${how}`;
    return new PlatformError('unprocessable', 'image_denied', message, { cause: error, ...issue(message) });
  }
  if (/manifest unknown|not found|no such image|does not exist/i.test(said)) {
    const message = `there is no image ${reference}, neither on the daemon nor in its registry; check name and tag, or push it`;
    return new PlatformError('unprocessable', 'image_not_found', message, { cause: error, ...issue(message) });
  }
  const message = `image ${reference} could not be pulled (${said}); check that the daemon reaches the registry, then deploy again`;
  return new PlatformError('unavailable', 'image_not_pulled', message, { cause: error, retryAfterSeconds: 10 });
}
