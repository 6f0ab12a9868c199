import type { Backend, BackendHost } from '../../custom/guest/proxy-agent.ts';
import type { Call, CallEnvironment } from '../../nodejs/guest/call.ts';
import { abortReason } from '../../nodejs/guest/context.ts';
import { HttpForwarder } from './http-forwarder.ts';
import { awaitReady } from './readiness.ts';

/** Forwards calls to the port on which an image's program listens. How that ends, the driver sees. */
export class HttpBackend implements Backend {
  readonly runtime = 'image';
  readonly #port: number;
  readonly #readinessPath: string | undefined;
  readonly #forwarder: HttpForwarder;

  /** Without a path, whoever takes a connection is ready. */
  constructor(port: number, readinessPath: string | undefined) {
    this.#port = port;
    this.#readinessPath = readinessPath;
    this.#forwarder = new HttpForwarder(port);
  }

  listen(): Promise<void> {
    return Promise.resolve();
  }

  /** The host sees to it that this does not take for ever. */
  start(_env: CallEnvironment, host: BackendHost): void {
    void awaitReady(this.#port, this.#readinessPath).then(() => host.ready());
  }

  offer(call: Call): Promise<void> {
    return this.#forwarder.forward(call);
  }

  /** The forwarder ends the request, which tells the program; a call that it has not answered is over then. */
  cancelled(call: Call, reason: Parameters<typeof abortReason>[0]): void {
    if (!this.#forwarder.cancel(call)) call.fail(abortReason(reason));
  }

  forget(call: Call): void {
    this.#forwarder.cancel(call);
  }

  usage() {
    return { cpuMicroseconds: 0, peakBytes: 0 };
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  kill(): void {
    // The driver ends the image's container.
  }
}
