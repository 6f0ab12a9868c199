import { PlatformError } from '../../../../../shared/errors.ts';
import { type HostEnvironment, type HostOptions, openHost } from './host-environment.ts';

/** What a driver is told about the host; what is left out has the value that every driver takes. */
export type DriverHostOptions = Pick<HostOptions, 'runDirectory'> & {
  readonly [Key in keyof HostOptions]?: HostOptions[Key];
};

/** The part of this host that one driver holds: opened when it is first needed, and never again after the driver was closed. */
export class DriverHost {
  readonly options: HostOptions;
  readonly #driver: string;
  #host: HostEnvironment | undefined;
  #isClosed = false;

  constructor(driver: string, options: DriverHostOptions) {
    this.#driver = driver;
    this.options = {
      runDirectory: options.runDirectory,
      cgroupParent: options.cgroupParent ?? 'hearth',
      registryDirectory: options.registryDirectory,
      fleet: options.fleet ?? {},
      uidBase: options.uidBase ?? 200_000,
      bwrapPath: options.bwrapPath,
    };
  }

  /** Throws what `openHost` throws, and `unavailable`/`driver_closed`. */
  open(): HostEnvironment {
    if (this.#isClosed) throw new PlatformError('unavailable', 'driver_closed', `the ${this.#driver} driver is closed`);
    this.#host ??= openHost(this.options);
    return this.#host;
  }

  /** From now on nothing opens; `end` ends what lives in there, and then the host is given back. */
  async close(end: () => Promise<void>): Promise<void> {
    this.#isClosed = true;
    await end();
    const host = this.#host;
    this.#host = undefined;
    await host?.close();
  }
}
