/** Told the `address:port` that a sandbox tried to reach, and may not. Must not throw. */
export type RefusalListener = (target: string) => void;

/** Packets that the firewall dropped, as long as it remembers them. */
interface Refused {
  /** Address of the sandbox. */
  readonly from: string;
  /** `address:port` */
  readonly target: string;
  readonly packets: number;
}

/** Of what nft(8) lists: elements `from . to . port counter packets N bytes N …`, with the time before or after the counter. */
export function parseRefused(listing: string): readonly Refused[] {
  const element = /([\d.]{7,15}) \. ([\d.]{7,15}) \. (\d{1,5}) [^,{}]{0,80}?counter packets (\d{1,15}) /g;
  return [...listing.matchAll(element)].map(([, from = '', to = '', port = '', packets]) => ({
    from,
    target: `${to}:${port}`,
    packets: Number(packets),
  }));
}

/**
 * Tells sandboxes apart by their addresses, and each of its own dropped packets alone: an address may have been another one's a moment ago. Only changes since the
 * last look count, and looks follow one another.
 */
export class RefusedPackets {
  /** What the firewall remembers, as nft(8) lists it. */
  readonly #list: () => Promise<string>;
  readonly #listeners = new Map<string, RefusalListener>();
  /** Packets at the last look; undefined when it failed, so that nobody knows what is new. */
  #known: ReadonlyMap<string, number> | undefined;
  #last: Promise<void> = Promise.resolve();
  /** A look that has not begun. */
  #next: Promise<void> | undefined;

  constructor(list: () => Promise<string>) {
    this.#list = list;
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  /** `listener` is told of packets that `address` sends after this has resolved: once per target and look. Never rejects. */
  async watch(address: string, listener: RefusalListener): Promise<void> {
    this.#listeners.delete(address);
    await this.look();
    this.#listeners.set(address, listener);
  }

  /** Looks once more, and then no longer tells `listener`. Never rejects. */
  async unwatch(address: string, listener: RefusalListener): Promise<void> {
    await this.look();
    if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
  }

  /** Tells what was dropped since the last look. Never rejects. */
  look(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    this.#next = this.#last.then(async () => {
      this.#next = undefined;
      await this.#lookNow();
    });
    this.#last = this.#next;
    return this.#next;
  }

  async #lookNow(): Promise<void> {
    const before = this.#known;
    this.#known = undefined;
    const refused = await this.#list().then(parseRefused, () => undefined);
    if (refused === undefined) return;
    this.#known = new Map(refused.map(({ from, target, packets }) => [`${from} ${target}`, packets]));
    if (before === undefined) return;
    for (const { from, target, packets } of refused) {
      // Fewer than before: it was forgotten in between, and tried again.
      if (packets !== before.get(`${from} ${target}`)) this.#listeners.get(from)?.(target);
    }
  }
}
