import type { RuntimeName } from '../../../../../shared/version-config.ts';
import type { Logger } from '../../../../core/ports/logger.ts';
import type { RuntimePlan } from '../../../../core/ports/runtime-adapter.ts';
import { inputKey } from '../../support/runtime-files.ts';
import type { EngineClient } from '../engine/engine-client.ts';
import { abortedError, engineErrorCodes, isEngineError } from '../engine/engine-errors.ts';
import { describeImage, type ImageArchive, imageLabels } from './image-archive.ts';
import type { ImageMemo } from './image-memo.ts';

export interface RuntimeImagesOptions {
  readonly engine: EngineClient;
  /** Images from a registry or made by hand, used instead of building; they must have the plan's paths (images/<runtime>/Dockerfile). */
  readonly prebuilt?: Partial<Readonly<Record<RuntimeName, string>>>;
  readonly memo?: ImageMemo;
  readonly logger?: Logger | undefined;
}

export interface RuntimeImage {
  readonly reference: string;
  /** Of its configuration, and by it of all its layers. */
  readonly digest: string;
  /** What the daemon says; layers that several images share are counted in each. */
  readonly sizeBytes: number;
  readonly built: boolean;
}

export type ImagePlan = Pick<RuntimePlan, 'runtime' | 'agent' | 'toolchain'>;
export type ImageProgress = (line: string) => void;

/** Images with the runtimes of this host, made without a registry, once per daemon and set of inputs. */
/** What Podman puts before names without a registry. */
const podmanRegistry = /^localhost\//;

export class RuntimeImages {
  readonly #engine: EngineClient;
  readonly #prebuilt: Partial<Readonly<Record<RuntimeName, string>>>;
  readonly #logger: Logger | undefined;
  readonly #memo: ImageMemo | undefined;
  readonly #closing = new AbortController();
  readonly #ensured = new Map<string, Promise<RuntimeImage>>();
  readonly #archives = new Map<string, Promise<ImageArchive>>();

  constructor(options: RuntimeImagesOptions) {
    this.#engine = options.engine;
    this.#prebuilt = options.prebuilt ?? {};
    this.#memo = options.memo;
    this.#logger = options.logger;
  }

  /** The image of this plan: there already, being made, or made now. Costs a few stat(2) when it was seen before. */
  async ensure(plan: ImagePlan, signal: AbortSignal, onProgress?: ImageProgress): Promise<RuntimeImage> {
    return await untilAborted(this.#shared(plan, onProgress), signal);
  }

  /** Others may wait for the same image, so one who gives up does not stop the work; `close` does. */
  #shared(plan: ImagePlan, onProgress: ImageProgress | undefined): Promise<RuntimeImage> {
    const key = this.#keyOf(plan);
    let image = this.#ensured.get(key);
    if (image === undefined) {
      image = this.#make(key, plan, this.#closing.signal, onProgress);
      this.#ensured.set(key, image);
      // A failure is not kept: what was missing may be there next time.
      image.catch(() => this.#ensured.delete(key));
    }
    return image;
  }

  /** The daemon no longer has it: the next `ensure` looks, and builds. */
  forget(plan: ImagePlan): void {
    this.#ensured.delete(this.#keyOf(plan));
  }

  /** As `ensure`, but reads the inputs again, whatever is remembered: for files that changed inside a directory. */
  async refresh(plan: ImagePlan, signal: AbortSignal, onProgress?: ImageProgress): Promise<RuntimeImage> {
    const key = this.#keyOf(plan);
    this.#ensured.delete(key);
    this.#archives.delete(key);
    this.#memo?.forget(key);
    return await this.ensure(plan, signal, onProgress);
  }

  /** Stops what is being made. */
  close(): void {
    this.#closing.abort();
  }

  /** All runtime images that the daemon has. */
  async list(signal: AbortSignal): Promise<readonly (Omit<RuntimeImage, 'built'> & { readonly runtime: string })[]> {
    const images = await this.#engine.listImages({ label: [imageLabels.runtime] }, signal);
    return images.flatMap((image) =>
      (image.RepoTags ?? []).map((reference) => ({
        reference: reference.replace(podmanRegistry, ''),
        digest: image.Id,
        runtime: image.Labels?.[imageLabels.runtime] ?? '',
        sizeBytes: image.Size,
      })),
    );
  }

  #keyOf(plan: ImagePlan): string {
    const prebuilt = this.#prebuilt[plan.runtime];
    return prebuilt ?? `${plan.runtime}\n${inputKey([...plan.toolchain, plan.agent])}`;
  }

  async #make(
    key: string,
    plan: ImagePlan,
    signal: AbortSignal,
    onProgress: ImageProgress | undefined,
  ): Promise<RuntimeImage> {
    const prebuilt = this.#prebuilt[plan.runtime];
    if (prebuilt !== undefined) {
      const { Id, Size } = await this.#engine.inspectImage(prebuilt, signal);
      return { reference: prebuilt, digest: Id, sizeBytes: Size, built: false };
    }
    const remembered = this.#memo?.find(key);
    const known = remembered === undefined ? undefined : await this.#find(remembered, signal);
    if (known !== undefined) return known;
    onProgress?.(`reading the ${plan.runtime} runtime of this host`);
    const archive = await this.#archiveOf(key, plan, signal);
    const found = await this.#find(archive.reference, signal);
    this.#memo?.remember(key, archive.reference);
    if (found !== undefined) {
      onProgress?.(`${archive.reference} is up to date (${megabytes(found.sizeBytes)})`);
      return found;
    }
    const startedAt = performance.now();
    onProgress?.(`loading ${archive.reference} (${megabytes(archive.sizeBytes)})`);
    await this.#engine.loadImage(archive.open(), signal, onProgress);
    const { Id, Size } = await this.#engine.inspectImage(archive.reference, signal);
    const tookMs = Math.round(performance.now() - startedAt);
    this.#logger?.info({ image: archive.reference, sizeBytes: Size, tookMs }, 'runtime image built');
    return { reference: archive.reference, digest: Id, sizeBytes: Size, built: true };
  }

  /** Reading 130 MB for the digests takes a part of a second: once per set of inputs. */
  #archiveOf(key: string, plan: ImagePlan, signal: AbortSignal): Promise<ImageArchive> {
    let archive = this.#archives.get(key);
    if (archive === undefined) {
      archive = describeImage(plan, signal);
      this.#archives.set(key, archive);
      archive.catch(() => this.#archives.delete(key));
    }
    return archive;
  }

  async #find(reference: string, signal: AbortSignal): Promise<RuntimeImage | undefined> {
    try {
      const { Id, Size } = await this.#engine.inspectImage(reference, signal);
      return { reference, digest: Id, sizeBytes: Size, built: false };
    } catch (error) {
      if (isEngineError(error, engineErrorCodes.imageMissing)) return undefined;
      throw error;
    }
  }
}

function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  if (signal.aborted) return Promise.reject(abortedError(signal.reason));
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const onAbort = (): void => reject(abortedError(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  return promise;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
