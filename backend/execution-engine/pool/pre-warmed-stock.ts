import type { Clock } from '../../core/ports/clock.ts';
import type { PreWarmedView } from '../../core/ports/instance-pool.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { BootedSandbox, SandboxOwner } from './booted-sandbox.ts';
import type { GenericSandboxes } from './generic-sandboxes.ts';
import type { HostCapacity } from './host-capacity.ts';
import { RefillPause } from './refill-pause.ts';
import type { SandboxMaker } from './sandbox-maker.ts';
import type { SandboxShape } from './sandbox-shape.ts';

export interface PreWarmedStockOptions {
  readonly maker: SandboxMaker;
  readonly generic: GenericSandboxes;
  readonly capacity: HostCapacity;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly perDefaultShape: number;
  readonly perUsedShape: number;
  readonly maxPreWarmed: number;
  readonly ttlMs: number;
  readonly refillDelayMs: number;
  /** A refill may be due now. */
  readonly onWanted: () => void;
}

interface Shelf {
  readonly shape: SandboxShape;
  readonly isDefault: boolean;
  readonly ready: BootedSandbox[];
  booting: number;
  lastUsedMs: number;
  readonly pause: RefillPause;
}

const refillBackoff = { minMs: 500, maxMs: 30_000 };
/** One that lived this long was no failure when it dies. */
const stableMs = 10_000;

/** Sandboxes with a runtime but no version yet, kept ready for the default shapes and for shapes in use. */
export class PreWarmedStock {
  readonly #options: PreWarmedStockOptions;
  readonly #shelves = new Map<string, Shelf>();
  #count = 0;

  constructor(options: PreWarmedStockOptions) {
    this.#options = options;
  }

  /** Keeps this shape ready from now on, used or not. */
  addDefault(shape: SandboxShape): void {
    this.#shelf(shape, true);
    this.#options.onWanted();
  }

  /** One of this shape, or undefined; either way the shape counts as used. */
  take(shape: SandboxShape): BootedSandbox | undefined {
    const isNew = !this.#shelves.has(shape.key);
    const shelf = this.#shelf(shape, false);
    shelf.lastUsedMs = this.#options.clock.monotonic();
    const taken = shelf.ready.pop();
    if (taken !== undefined) {
      taken.owner = undefined;
      this.#count--;
    }
    if (taken !== undefined || isNew) shelf.pause.extend(this.#options.refillDelayMs);
    return taken;
  }

  has(shape: SandboxShape): boolean {
    return (this.#shelves.get(shape.key)?.ready.length ?? 0) > 0;
  }

  /** Starts one sandbox that is missing, if one is and there is room without evicting anything; resolves when it is there or failed. */
  refillOne(signal: AbortSignal): Promise<void> | undefined {
    const now = this.#options.clock.monotonic();
    for (const shelf of this.#shelves.values()) {
      if (!this.#isWanted(shelf, now)) continue;
      const reservation = this.#options.capacity.tryReserve(shelf.shape.limits.memoryMb);
      if (reservation === undefined) continue;
      shelf.booting++;
      this.#count++;
      return this.#options.generic.make(shelf.shape, signal, reservation).then(
        ({ sandbox }) => this.#store(shelf, sandbox),
        (error: unknown) => this.#failed(shelf, error, signal.aborted),
      );
    }
    return undefined;
  }

  /** What could be given up for room, shapes not in `except` first used longest ago. */
  evictable(except: string): readonly BootedSandbox[] {
    const shelves = [...this.#shelves.values()].filter((shelf) => shelf.shape.key !== except);
    shelves.sort((a, b) => a.lastUsedMs - b.lastUsedMs);
    return shelves.flatMap((shelf) => shelf.ready);
  }

  /** Gives up shapes that nobody used for a while. */
  sweep(): void {
    const now = this.#options.clock.monotonic();
    for (const shelf of this.#shelves.values()) {
      if (shelf.isDefault || now - shelf.lastUsedMs < this.#options.ttlMs) continue;
      for (const sandbox of [...shelf.ready]) sandbox.destroy('its shape is not in use any more');
      if (shelf.booting === 0) this.#shelves.delete(shelf.shape.key);
    }
  }

  views(): readonly PreWarmedView[] {
    const counts = new Map<string, { runtime: string; isolation: string; count: number }>();
    for (const { shape, ready } of this.#shelves.values()) {
      const key = `${shape.runtime} ${shape.driver}`;
      const view = counts.get(key) ?? { runtime: shape.runtime, isolation: shape.driver, count: 0 };
      view.count += ready.length;
      counts.set(key, view);
    }
    return [...counts.values()];
  }

  /** Resolves when all that were ready are gone. */
  async close(reason: string): Promise<void> {
    const ready = [...this.#shelves.values()].flatMap((shelf) => [...shelf.ready]);
    this.#shelves.clear();
    for (const sandbox of ready) sandbox.destroy(reason);
    await Promise.all(ready.map((sandbox) => sandbox.exited));
  }

  #shelf(shape: SandboxShape, isDefault: boolean): Shelf {
    const known = this.#shelves.get(shape.key);
    if (known !== undefined) return known;
    const { clock, onWanted } = this.#options;
    const shelf: Shelf = {
      shape,
      isDefault,
      ready: [],
      booting: 0,
      lastUsedMs: clock.monotonic(),
      pause: new RefillPause({ clock, backoff: refillBackoff, onOver: onWanted }),
    };
    this.#shelves.set(shape.key, shelf);
    return shelf;
  }

  #isWanted(shelf: Shelf, now: number): boolean {
    if (!shelf.pause.isOver(now) || this.#count >= this.#options.maxPreWarmed) return false;
    const { perDefaultShape, perUsedShape, ttlMs, maker } = this.#options;
    if (!shelf.isDefault && now - shelf.lastUsedMs >= ttlMs) return false;
    const target = shelf.isDefault ? perDefaultShape : perUsedShape;
    return shelf.ready.length + shelf.booting < target && maker.canPreWarm(shelf.shape);
  }

  #store(shelf: Shelf, sandbox: BootedSandbox): void {
    shelf.booting--;
    const bornMs = this.#options.clock.monotonic();
    if (sandbox.isLost || this.#shelves.get(shelf.shape.key) !== shelf) {
      this.#count--;
      sandbox.destroy('it is not needed');
      return;
    }
    shelf.ready.push(sandbox);
    sandbox.owner = this.#ownerOf(shelf, sandbox, bornMs);
    this.#options.onWanted();
  }

  #ownerOf(shelf: Shelf, sandbox: BootedSandbox, bornMs: number): SandboxOwner {
    return {
      log: () => undefined,
      output: (line) => this.#options.logger.debug({ line, sandboxId: sandbox.sandbox.id }, 'pre-warmed sandbox said'),
      freed: () => undefined,
      overdue: () => undefined,
      lost: () => {
        const at = shelf.ready.indexOf(sandbox);
        if (at === -1) return;
        shelf.ready.splice(at, 1);
        this.#count--;
        if (this.#options.clock.monotonic() - bornMs >= stableMs) shelf.pause.worked();
        shelf.pause.failed();
      },
    };
  }

  #failed(shelf: Shelf, error: unknown, isGivenUp: boolean): void {
    shelf.booting--;
    this.#count--;
    // The platform is going down: that is no failure of the sandbox.
    if (isGivenUp) return;
    this.#options.logger.warn({ err: error, shape: shelf.shape.key }, 'a pre-warmed sandbox did not start');
    shelf.pause.failed();
  }
}
