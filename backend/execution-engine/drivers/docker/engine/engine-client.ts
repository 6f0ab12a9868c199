import type { Readable } from 'node:stream';
import { PlatformError } from '../../../../../shared/errors.ts';
import { type AttachedOutput, demultiplex } from './demultiplexer.ts';
import type { EngineEndpoint } from './endpoint.ts';
import { progressError } from './engine-errors.ts';
import { EngineHttp, type EngineRequest } from './engine-http.ts';
import type {
  ContainerInspection,
  ContainerListing,
  ContainerSpec,
  ContainerStats,
  EngineEvent,
  EngineFilters,
  EngineInfo,
  EngineVersion,
  ImageInspection,
  ImageListing,
  NetworkInspection,
  NetworkSpec,
} from './engine-types.ts';
import { readJsonLines } from './json-stream.ts';

export interface EngineClientOptions {
  readonly endpoint: EngineEndpoint;
  /** Longest wait for the head of an answer to an ordinary request. */
  readonly timeoutMs?: number;
}

/** Oldest and newest version of the API that this client was written for: Docker Engine 20.10 and 27. */
const oldestApi = [1, 41] as const;
const newestApi = [1, 47] as const;
const defaultTimeoutMs = 30_000;

type Query = Readonly<Record<string, string | number | boolean | EngineFilters | undefined>>;
type Call = Omit<EngineRequest, 'timeoutMs' | 'path'> & { readonly query?: Query; readonly timeoutMs?: number };

/**
 * A thin client of the Docker Engine API over a Unix socket or TCP, with the calls that Hearth needs. It speaks the newest
 * version that both sides know, asked for with the first request. Rejects with `PlatformError` alone (engine-errors.ts).
 */
export class EngineClient {
  readonly #http: EngineHttp;
  readonly #timeoutMs: number;
  #version: Promise<string> | undefined;

  constructor(options: EngineClientOptions) {
    this.#http = new EngineHttp(options.endpoint);
    this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  }

  get endpoint(): EngineEndpoint {
    return this.#http.endpoint;
  }

  /** Asks whether the daemon is there, for `patienceMs` at most, and settles the version anew, since it may have been replaced. Resolves with the version. */
  async ping(signal?: AbortSignal, patienceMs = this.#timeoutMs): Promise<string> {
    const path = '/_ping';
    const timeoutMs = Math.min(patienceMs, this.#timeoutMs);
    const { response } = await this.#http.text({ method: 'GET', path, signal, timeoutMs });
    const version = negotiate(String(response.headers['api-version'] ?? ''));
    this.#version = Promise.resolve(version);
    return version;
  }

  version(signal?: AbortSignal): Promise<EngineVersion> {
    return this.#json('/version', { method: 'GET', signal });
  }

  info(signal?: AbortSignal): Promise<EngineInfo> {
    return this.#json('/info', { method: 'GET', signal });
  }

  /** Resolves with the container's id. */
  async createContainer(name: string, spec: ContainerSpec, signal?: AbortSignal): Promise<string> {
    const call: Call = { method: 'POST', query: { name }, body: spec, signal };
    return (await this.#json<{ readonly Id: string }>('/containers/create', call)).Id;
  }

  async startContainer(id: string, signal?: AbortSignal): Promise<void> {
    await this.#done(`/containers/${id}/start`, { method: 'POST', signal, accept: [304] });
  }

  /** SIGTERM, and after `graceSeconds` SIGKILL. */
  async stopContainer(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    const timeoutMs = this.#timeoutMs + graceSeconds * 1000;
    await this.#done(`/containers/${id}/stop`, {
      method: 'POST',
      query: { t: graceSeconds },
      signal,
      accept: [304],
      timeoutMs,
    });
  }

  async killContainer(id: string, signalName = 'SIGKILL', signal?: AbortSignal): Promise<void> {
    await this.#done(`/containers/${id}/kill`, { method: 'POST', query: { signal: signalName }, signal });
  }

  async pauseContainer(id: string, signal?: AbortSignal): Promise<void> {
    await this.#done(`/containers/${id}/pause`, { method: 'POST', signal });
  }

  async unpauseContainer(id: string, signal?: AbortSignal): Promise<void> {
    await this.#done(`/containers/${id}/unpause`, { method: 'POST', signal });
  }

  /** Kills it first if it runs; its anonymous volumes go with it. */
  async removeContainer(id: string, signal?: AbortSignal): Promise<void> {
    await this.#done(`/containers/${id}`, { method: 'DELETE', query: { force: true, v: true }, signal });
  }

  inspectContainer(id: string, signal?: AbortSignal): Promise<ContainerInspection> {
    return this.#json(`/containers/${id}/json`, { method: 'GET', signal });
  }

  /** Resolves with the exit code when the container does not run (any more); waits as long as it takes. */
  async waitContainer(id: string, signal?: AbortSignal): Promise<number> {
    const call: Call = { method: 'POST', signal, timeoutMs: Number.POSITIVE_INFINITY };
    return (await this.#json<{ readonly StatusCode: number }>(`/containers/${id}/wait`, call)).StatusCode;
  }

  /** stdout and stderr from now on, until the container ends or the signal fires. */
  async attachOutput(id: string, signal?: AbortSignal): Promise<AttachedOutput> {
    const query = { stream: true, stdout: true, stderr: true };
    return demultiplex(await this.#stream(`/containers/${id}/attach`, { method: 'POST', query, signal }));
  }

  /** What the daemon's log of the container has; nothing with the log driver `none`. */
  async logs(id: string, tailLines: number, signal?: AbortSignal): Promise<AttachedOutput> {
    const query = { stdout: true, stderr: true, tail: tailLines };
    return demultiplex(await this.#stream(`/containers/${id}/logs`, { method: 'GET', query, signal }));
  }

  /** One reading, without the second of waiting that the daemon otherwise takes to compute a rate. */
  stats(id: string, signal?: AbortSignal): Promise<ContainerStats> {
    return this.#json(`/containers/${id}/stats`, { method: 'GET', query: { stream: false, 'one-shot': true }, signal });
  }

  /** Containers with these properties, stopped ones too. */
  listContainers(filters: EngineFilters, signal?: AbortSignal): Promise<readonly ContainerListing[]> {
    return this.#json('/containers/json', { method: 'GET', query: { all: true, filters }, signal });
  }

  /** Events from now on, until the signal fires; resolves when the daemon has begun to send. */
  async events(filters: EngineFilters, signal: AbortSignal): Promise<AsyncIterable<EngineEvent>> {
    return readJsonLines(await this.#stream('/events', { method: 'GET', query: { filters }, signal }));
  }

  inspectImage(reference: string, signal?: AbortSignal): Promise<ImageInspection> {
    return this.#json(`/images/${encodeReference(reference)}/json`, { method: 'GET', signal });
  }

  listImages(filters: EngineFilters, signal?: AbortSignal): Promise<readonly ImageListing[]> {
    return this.#json('/images/json', { method: 'GET', query: { filters }, signal });
  }

  /** Pulls `tag` (or a digest) of a repository. `onProgress` gets the daemon's documents. */
  async pullImage(
    image: { readonly repository: string; readonly tag: string; readonly authorization: string | undefined },
    signal: AbortSignal,
    onProgress: (progress: Readonly<Record<string, unknown>>) => void,
  ): Promise<void> {
    const query = { fromImage: image.repository, tag: image.tag };
    const headers = image.authorization === undefined ? {} : { 'x-registry-auth': image.authorization };
    await this.#progress('/images/create', { method: 'POST', query, headers, signal }, undefined, onProgress);
  }

  async tagImage(id: string, repository: string, tag: string, signal?: AbortSignal): Promise<void> {
    await this.#done(`/images/${encodeReference(id)}/tag`, {
      method: 'POST',
      query: { repo: repository, tag },
      signal,
    });
  }

  async removeImage(reference: string, signal?: AbortSignal): Promise<void> {
    await this.#done(`/images/${encodeReference(reference)}`, { method: 'DELETE', signal });
  }

  /** Loads what `docker save` writes. `onProgress` gets the daemon's lines. */
  async loadImage(archive: Readable, signal?: AbortSignal, onProgress?: (line: string) => void): Promise<void> {
    await this.#progress('/images/load', { method: 'POST', body: archive, signal }, onProgress);
  }

  /** Builds from a tar archive with a Dockerfile in it. */
  async buildImage(
    context: Readable,
    options: { readonly tag: string; readonly labels?: Readonly<Record<string, string>> },
    signal?: AbortSignal,
    onProgress?: (line: string) => void,
  ): Promise<void> {
    const query = { t: options.tag, labels: JSON.stringify(options.labels ?? {}), rm: true, forcerm: true };
    await this.#progress('/build', { method: 'POST', query, body: context, signal }, onProgress);
  }

  /** Resolves with the network's id. */
  async createNetwork(spec: NetworkSpec, signal?: AbortSignal): Promise<string> {
    return (await this.#json<{ readonly Id: string }>('/networks/create', { method: 'POST', body: spec, signal })).Id;
  }

  inspectNetwork(name: string, signal?: AbortSignal): Promise<NetworkInspection> {
    return this.#json(`/networks/${name}`, { method: 'GET', signal });
  }

  async removeNetwork(name: string, signal?: AbortSignal): Promise<void> {
    await this.#done(`/networks/${name}`, { method: 'DELETE', signal });
  }

  /** Closes idle connections. */
  close(): void {
    this.#http.close();
  }

  async #path(path: string, query: Query | undefined, signal: AbortSignal | undefined): Promise<string> {
    this.#version ??= this.ping(signal);
    let version: string;
    try {
      version = await this.#version;
    } catch (error) {
      // Asked again next time: the daemon may be there by then.
      this.#version = undefined;
      throw error;
    }
    return `/v${version}${path}${encodeQuery(query)}`;
  }

  async #json<Result>(path: string, call: Call): Promise<Result> {
    const { text } = await this.#http.text({
      timeoutMs: this.#timeoutMs,
      ...call,
      path: await this.#path(path, call.query, call.signal),
    });
    try {
      return JSON.parse(text) as Result;
    } catch (cause) {
      const message = `the answer of the daemon to ${path} is no JSON; is ${this.#http} a Docker daemon?`;
      throw new PlatformError('unavailable', 'docker_failed', message, { cause });
    }
  }

  async #done(path: string, call: Call): Promise<void> {
    await this.#http.text({
      timeoutMs: this.#timeoutMs,
      ...call,
      path: await this.#path(path, call.query, call.signal),
    });
  }

  /** A response whose body goes on; the signal ends it at any time. */
  async #stream(path: string, call: Call): Promise<Readable> {
    const full = await this.#path(path, call.query, call.signal);
    const response = await this.#http.send({ timeoutMs: this.#timeoutMs, ...call, path: full });
    const onAbort = (): void => void response.destroy();
    if (call.signal?.aborted) onAbort();
    call.signal?.addEventListener('abort', onAbort, { once: true });
    response.once('close', () => call.signal?.removeEventListener('abort', onAbort));
    return response;
  }

  async #progress(
    path: string,
    call: Call,
    onProgress: ((line: string) => void) | undefined,
    onDocument?: (progress: Readonly<Record<string, unknown>>) => void,
  ): Promise<void> {
    const timeoutMs = Number.POSITIVE_INFINITY;
    for await (const line of readJsonLines(await this.#stream(path, { timeoutMs, ...call }))) {
      if (line['error'] !== undefined) throw progressError(String(line['error']));
      const text = String(line['stream'] ?? line['status'] ?? '').trim();
      if (text !== '') onProgress?.(text);
      onDocument?.(line);
    }
    if (call.signal?.aborted) throw new PlatformError('unavailable', 'aborted', 'making the image was aborted');
  }
}

/** The newest version both sides know. A daemon that does not tell (a proxy that drops headers) is taken for the oldest. */
export function negotiate(offered: string): string {
  const match = /^(\d+)\.(\d+)$/.exec(offered);
  if (match === null) return oldestApi.join('.');
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major < oldestApi[0] || (major === oldestApi[0] && minor < oldestApi[1])) {
    throw new PlatformError(
      'unavailable',
      'docker_too_old',
      `the Docker daemon speaks version ${offered} of its API; Hearth needs ${oldestApi.join('.')}: update to Docker Engine 20.10 or newer`,
    );
  }
  const isNewer = major > newestApi[0] || minor > newestApi[1];
  return isNewer ? newestApi.join('.') : offered;
}

function encodeReference(reference: string): string {
  return reference.split('/').map(encodeURIComponent).join('/').replaceAll('%3A', ':').replaceAll('%40', '@');
}

function encodeQuery(query: Query = {}): string {
  const parts = Object.entries(query).flatMap(([key, value]) =>
    value === undefined
      ? []
      : [`${key}=${encodeURIComponent(typeof value === 'object' ? JSON.stringify(value) : String(value))}`],
  );
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
