import type { Backend, BackendHost } from '../../custom/guest/proxy-agent.ts';
import { RuntimeApi } from '../../custom/guest/runtime-api.ts';
import type { Call, CallEnvironment } from '../../nodejs/guest/call.ts';
import { abortReason } from '../../nodejs/guest/context.ts';
import type { CancelReason } from '../../nodejs/guest/messages.ts';

/** Serves the Lambda Runtime API to the entry point of an image. How that ends, the driver sees. */
export class LambdaBackend implements Backend {
  readonly runtime = 'image';
  readonly #port: number;
  readonly #api: RuntimeApi;
  #host: BackendHost | undefined;
  #isAsking = false;
  #initError: Error | undefined;

  constructor(port: number) {
    this.#port = port;
    this.#api = new RuntimeApi({
      onFirstNext: () => {
        this.#isAsking = true;
        this.#host?.ready();
      },
      onInitError: (error) => {
        this.#initError = error;
        this.#host?.failed(error);
      },
    });
  }

  async listen(): Promise<void> {
    await this.#api.listen(this.#port);
  }

  /** The program was started before INIT came, and may have spoken already. */
  start({ init }: CallEnvironment, host: BackendHost): void {
    this.#host = host;
    this.#api.serve(init);
    if (this.#initError !== undefined) host.failed(this.#initError);
    else if (this.#isAsking) host.ready();
  }

  offer(call: Call): Promise<void> {
    return this.#api.offer(call);
  }

  cancelled(call: Call, reason: CancelReason): void {
    if (!this.#api.isHandedOut(call)) call.fail(abortReason(reason));
  }

  forget(call: Call): void {
    this.#api.forget(call);
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
