import type { SnapshotName } from '../../core/ports/snapshot-driver.ts';
import type { BootedSandbox } from './booted-sandbox.ts';
import type { HostCapacity, Reservation } from './host-capacity.ts';
import type { SandboxMaker } from './sandbox-maker.ts';
import type { SandboxShape } from './sandbox-shape.ts';
import type { SnapshotBook } from './snapshot-book.ts';

export interface GenericSandboxesOptions {
  readonly maker: SandboxMaker;
  readonly snapshots: SnapshotBook;
  readonly capacity: HostCapacity;
}

export interface GenericSandbox {
  readonly sandbox: BootedSandbox;
  /** It was not booted, but restored from the snapshot of its shape. */
  readonly isCopy: boolean;
}

/** Makes sandboxes with a runtime and no version. Where the driver can, one of each shape is booted and snapshotted, and all others are copies of it. */
export class GenericSandboxes {
  readonly #options: GenericSandboxesOptions;

  constructor(options: GenericSandboxesOptions) {
    this.#options = options;
  }

  /** A version without a snapshot of its own starts sooner from a generic sandbox of this shape than from a boot. */
  areCopied(shape: SandboxShape): boolean {
    return this.#nameOf(shape) !== undefined;
  }

  /** Rejects with nothing left behind. Uses up the reservation in any case. */
  async make(shape: SandboxShape, signal: AbortSignal, reservation: Reservation): Promise<GenericSandbox> {
    const { maker, snapshots } = this.#options;
    const name = this.#nameOf(shape);
    const boot = async (room: Reservation): Promise<GenericSandbox> => {
      return { sandbox: await maker.make(shape, undefined, signal, room), isCopy: false };
    };
    if (name === undefined) return await boot(reservation);
    if (snapshots.hasOfShape(shape, name)) {
      const sandbox = await this.#copy(shape, name, signal, reservation);
      return sandbox === undefined ? await boot(this.#reserve(shape)) : { sandbox, isCopy: true };
    }
    const made = await boot(reservation);
    await snapshots.takeOfShape(shape, name, made.sandbox, signal);
    return made.sandbox.isLost ? await boot(this.#reserve(shape)) : made;
  }

  /** Undefined: the snapshot does not work. */
  async #copy(
    shape: SandboxShape,
    name: SnapshotName,
    signal: AbortSignal,
    reservation: Reservation,
  ): Promise<BootedSandbox | undefined> {
    try {
      return await this.#options.maker.make(shape, undefined, signal, reservation, name);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#options.snapshots.failedOfShape(shape, name, error);
      return undefined;
    }
  }

  #nameOf(shape: SandboxShape): SnapshotName | undefined {
    return this.#options.snapshots.ofShape(shape, () => this.#options.maker.planOf(shape));
  }

  #reserve(shape: SandboxShape): Reservation {
    return this.#options.capacity.reserve(shape.limits.memoryMb, 'sandbox');
  }
}
