import { ApiHttp } from './http.ts';
import type {
  Balloon,
  BalloonStatistics,
  BootSource,
  Drive,
  DriveUpdate,
  Entropy,
  InstanceInfo,
  LoggerConfig,
  MachineConfig,
  MetricsConfig,
  NetworkInterface,
  SnapshotCreation,
  SnapshotLoading,
  Vsock,
} from './types.ts';

const defaultTimeoutMs = 5000;
/** Writes or maps all memory of the guest. */
const snapshotTimeoutMs = 120_000;

/**
 * The API of one Firecracker process (docs: firecracker.yaml of its release). `before` and `after` in the comments say when a request is
 * legal: before or after the guest was started. Requests reject with a `PlatformError` that names the fix.
 */
export class FirecrackerClient {
  readonly #http: ApiHttp;

  constructor(socketPath: string) {
    this.#http = new ApiHttp(socketPath);
  }

  /** Any time. */
  async describe(signal?: AbortSignal): Promise<InstanceInfo> {
    return (await this.#send('GET', '/', undefined, signal)) as InstanceInfo;
  }

  /** Before. A FIFO must have its reader already. */
  async setLogger(body: LoggerConfig, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/logger', body, signal);
  }

  /** Before. A FIFO must have its reader already. */
  async setMetrics(body: MetricsConfig, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/metrics', body, signal);
  }

  /** Before. */
  async setMachine(body: MachineConfig, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/machine-config', body, signal);
  }

  /** Before. */
  async setBootSource(body: BootSource, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/boot-source', body, signal);
  }

  /** Before. */
  async addDrive(body: Drive, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', `/drives/${body.drive_id}`, body, signal);
  }

  /** After. */
  async updateDrive(body: DriveUpdate, signal?: AbortSignal): Promise<void> {
    await this.#send('PATCH', `/drives/${body.drive_id}`, body, signal);
  }

  /** Before. */
  async setVsock(body: Vsock, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/vsock', body, signal);
  }

  /** Before. */
  async addNetworkInterface(body: NetworkInterface, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', `/network-interfaces/${body.iface_id}`, body, signal);
  }

  /** Before. */
  async setEntropy(body: Entropy, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/entropy', body, signal);
  }

  /** Before. */
  async setBalloon(body: Balloon, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/balloon', body, signal);
  }

  /** After. The guest gives so much memory back, as far as it can. */
  async inflateBalloon(amountMib: number, signal?: AbortSignal): Promise<void> {
    await this.#send('PATCH', '/balloon', { amount_mib: amountMib }, signal);
  }

  /** After; only if statistics were asked for before. */
  async balloonStatistics(signal?: AbortSignal): Promise<BalloonStatistics> {
    return (await this.#send('GET', '/balloon/statistics', undefined, signal)) as BalloonStatistics;
  }

  /** Before, once. */
  async start(signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/actions', { action_type: 'InstanceStart' }, signal);
  }

  /** After. Writes one line to the metrics FIFO. */
  async flushMetrics(signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/actions', { action_type: 'FlushMetrics' }, signal);
  }

  /** After; again changes nothing. */
  async pause(signal?: AbortSignal): Promise<void> {
    await this.#send('PATCH', '/vm', { state: 'Paused' }, signal);
  }

  /** After; again changes nothing. */
  async resume(signal?: AbortSignal): Promise<void> {
    await this.#send('PATCH', '/vm', { state: 'Resumed' }, signal);
  }

  /** After, while paused. Connections over vsock are reset in whatever is restored from it, and here on the next resume. */
  async createSnapshot(body: SnapshotCreation, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/snapshot/create', body, signal, snapshotTimeoutMs);
  }

  /** Before, in a process where nothing but logger and metrics was set. A failure ends that process. */
  async loadSnapshot(body: SnapshotLoading, signal?: AbortSignal): Promise<void> {
    await this.#send('PUT', '/snapshot/load', body, signal, snapshotTimeoutMs);
  }

  /** Closes the idle connection; Firecracker itself goes on. */
  close(): void {
    this.#http.close();
  }

  async #send(
    method: 'GET' | 'PUT' | 'PATCH',
    path: string,
    body: object | undefined,
    signal: AbortSignal | undefined,
    timeoutMs = defaultTimeoutMs,
  ): Promise<unknown> {
    return await this.#http.send({ method, path, signal, timeoutMs, ...(body === undefined ? {} : { body }) });
  }
}
