import type { Call, CallEnvironment } from '../../nodejs/guest/call.ts';
import { abortReason } from '../../nodejs/guest/context.ts';
import { NamedError } from '../../nodejs/guest/errors.ts';
import type { CancelReason } from '../../nodejs/guest/messages.ts';
import { Bootstrap, type BootstrapEnd } from './bootstrap.ts';
import type { ProcessUsage } from './process-usage.ts';
import type { Backend, BackendHost } from './proxy-agent.ts';
import { RuntimeApi } from './runtime-api.ts';

/** One `bootstrap` that asks for calls: what the host sends waits here until then. */
export class BootstrapBackend implements Backend {
  readonly runtime = 'custom';
  readonly #api: RuntimeApi;
  #port = 0;
  #host: BackendHost | undefined;
  #bootstrap: Bootstrap | undefined;

  constructor() {
    this.#api = new RuntimeApi({
      onFirstNext: () => this.#host?.ready(),
      onInitError: (error) => this.#host?.failed(error),
    });
  }

  async listen(): Promise<void> {
    this.#port = await this.#api.listen();
  }

  start({ init }: CallEnvironment, host: BackendHost): void {
    this.#host = host;
    this.#api.serve(init);
    this.#bootstrap = new Bootstrap({
      init,
      address: `127.0.0.1:${this.#port}`,
      // A line belongs to the call that runs; with several at once nobody can tell.
      onLine: (stream, text) => host.print(this.#api.soleHandedOut, stream, text),
      onEnd: (end) => host.ended(end.code, end.signal, errorOf(end)),
    });
  }

  offer(call: Call): Promise<void> {
    return this.#api.offer(call);
  }

  /** One that `bootstrap` has not been given yet is over; of one that it has, it need not know, and ends it in its own time. */
  cancelled(call: Call, reason: CancelReason): void {
    if (!this.#api.isHandedOut(call)) call.fail(abortReason(reason));
  }

  forget(call: Call): void {
    this.#api.forget(call);
  }

  usage(): ProcessUsage {
    return this.#bootstrap?.usage() ?? { cpuMicroseconds: 0, peakBytes: 0 };
  }

  async stop(): Promise<void> {
    await this.#bootstrap?.stop();
  }

  kill(): void {
    this.#bootstrap?.kill();
  }
}

/** `bootstrap` is not expected to end. */
function errorOf(end: BootstrapEnd): Error {
  const error = new NamedError(end.isMissing ? 'Runtime.InvalidEntrypoint' : 'Runtime.ExitError', end.message);
  error.stack = '';
  return error;
}
