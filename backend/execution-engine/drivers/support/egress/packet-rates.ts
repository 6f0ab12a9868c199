import type { SandboxLimits } from '../../../../core/ports/isolation-driver.ts';
import { ChangeLock } from '../../../../util/change-lock.ts';

/** How much one sandbox may send, and how much it may receive. */
export interface PacketRate {
  readonly bytesPerSecond: number;
  readonly packetsPerSecond: number;
}

/** Each way, per CPU of a version; what the operator has set comes in place of it. */
const defaultBytesPerSecondAndCpu = 64 * 1024 * 1024;
const packetsPerSecondAndCpu = 50_000;
/** nftables counts no faster: nanoseconds in 64 bits. */
const maxBytesPerSecond = 16 * 1024 ** 3;
/** What may come at once is a second's worth, as far as nftables counts: it keeps it in 32 bits. */
const maxBurstBytes = 1024 ** 3;

/** What a sandbox with a network card may send, and receive. */
export function packetRateOf(
  { cpus }: Pick<SandboxLimits, 'cpus'>,
  bytesPerSecondAndCpu = defaultBytesPerSecondAndCpu,
): PacketRate {
  return {
    bytesPerSecond: Math.min(Math.round(bytesPerSecondAndCpu * cpus), maxBytesPerSecond),
    packetsPerSecond: Math.round(packetsPerSecondAndCpu * cpus),
  };
}

const ways = ['sent', 'received'] as const;
const units = ['bytes', 'packets'] as const;
const pairs = ways.flatMap((way) => units.map((unit) => ({ way, unit, map: `${way}_${unit}` })));

/**
 * Token buckets in a table of nftables, four for each sandbox: bytes and packets that it sends and receives. What is beyond them is dropped, which TCP takes
 * for a slow network. Sandboxes are known by their addresses, and an address may be given out again before its last holder has let go of it.
 */
export class PacketRates {
  readonly #table: string;
  /** Runs a script of nft(8), as one transaction. */
  readonly #run: (script: string) => Promise<unknown>;
  readonly #held = new Map<string, { readonly number: number; readonly rate: PacketRate }>();
  #count = 0;
  readonly #lock = new ChangeLock();

  constructor(table: string, run: (script: string) => Promise<unknown>) {
    this.#table = table;
    this.#run = run;
  }

  /**
   * From now on `address` sends and receives no more than `rate`, until the returned function is called, which never rejects. Rejects with
   * `unavailable`/`egress_unavailable` when the rule cannot be made.
   */
  async hold(address: string, rate: PacketRate): Promise<() => Promise<void>> {
    const number = ++this.#count;
    await this.inTurn(async () => {
      const before = this.#held.get(address)?.number;
      const limits = limitsOf(number, rate).map(
        ({ name, limit }) => `add limit inet ${this.#table} ${name} { ${limit} }`,
      );
      const elements = pairs.map(
        (pair) => `add element inet ${this.#table} ${pair.map} { ${address} : "${nameOf(pair, number)}" }`,
      );
      await this.#run([...limits, ...this.#dropped(address, before), ...elements].join('\n'));
      this.#held.set(address, { number, rate });
    });
    return () => this.#release(address, number);
  }

  /** What is held, and the chain that drops what is beyond it, for the definition of the table. Interfaces as nft(8) writes them. */
  rules(interfaces: string): string {
    const held = [...this.#held];
    const limits = held.flatMap(([, { number, rate }]) => limitsOf(number, rate));
    const maps = pairs.map((pair) => {
      const elements = held.map(([address, { number }]) => `${address} : "${nameOf(pair, number)}"`).join(', ');
      return `map ${pair.map} { type ipv4_addr : limit; ${elements === '' ? '' : `elements = { ${elements} };`} }`;
    });
    const drops = pairs.map(({ way, map }) =>
      way === 'sent'
        ? `iifname "${interfaces}" limit name ip saddr map @${map} counter drop`
        : `oifname "${interfaces}" limit name ip daddr map @${map} counter drop`,
    );
    return [
      ...limits.map(({ name, limit }) => `limit ${name} { ${limit} }`),
      ...maps,
      // After the rules that say where to: what may not pass at all uses nothing up.
      `chain rates {\n    type filter hook forward priority -9; policy accept;\n    ${drops.join('\n    ')}\n  }`,
    ].join('\n  ');
  }

  /** Runs `work` while nothing of what is held changes. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#lock.run(work);
  }

  async #release(address: string, number: number): Promise<void> {
    await this.inTurn(async () => {
      if (this.#held.get(address)?.number !== number) return;
      this.#held.delete(address);
      await this.#run(this.#dropped(address, number).join('\n'));
    }).catch(() => undefined);
  }

  #dropped(address: string, number: number | undefined): readonly string[] {
    if (number === undefined) return [];
    return [
      ...pairs.map(({ map }) => `delete element inet ${this.#table} ${map} { ${address} }`),
      ...pairs.map((pair) => `delete limit inet ${this.#table} ${nameOf(pair, number)}`),
    ];
  }
}

function nameOf({ map }: { readonly map: string }, number: number): string {
  return `${map}_${number}`;
}

function limitsOf(number: number, rate: PacketRate): readonly { readonly name: string; readonly limit: string }[] {
  const { bytesPerSecond, packetsPerSecond } = rate;
  const burst = Math.min(bytesPerSecond, maxBurstBytes);
  return pairs.map((pair) => ({
    name: nameOf(pair, number),
    limit:
      pair.unit === 'bytes'
        ? `rate over ${bytesPerSecond} bytes/second burst ${burst} bytes`
        : `rate over ${packetsPerSecond}/second burst ${packetsPerSecond} packets`,
  }));
}
