import {
  type FirewallOptions,
  firewallFamilies,
  firewallRules,
  refusedSet,
  refusingFamilies,
} from './firewall-rules.ts';
import { runNetworkProgram } from './network-programs.ts';
import { type PacketRate, PacketRates, packetRateOf } from './packet-rates.ts';
import { type RefusalListener, RefusedPackets } from './refused-packets.ts';

const checkEveryMs = 5000;
/** TEST-NET-1 (RFC 5737): nobody's address, for rules that are tried out. */
const exampleAddress = '192.0.2.1';

/** Rules of ours in the host's nftables. Needs root, or CAP_NET_ADMIN, in the network namespace that routes what sandboxes send. */
export class Firewall {
  /** What it dropped of whom; looked at together with the rules. */
  readonly #refused: RefusedPackets;
  /** How much it lets pass of whom. */
  readonly #rates: PacketRates;
  readonly #options: Omit<FirewallOptions, 'subnet'>;
  #subnet: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: Omit<FirewallOptions, 'subnet'>) {
    this.#options = options;
    const list = (family: string) =>
      runNetworkProgram('nft', ['--numeric', 'list', 'set', family, options.table, refusedSet]);
    this.#rates = new PacketRates(options.table, runRules);
    this.#refused = new RefusedPackets(async () => (await Promise.all(refusingFamilies(options).map(list))).join('\n'));
  }

  /** Why rules cannot be installed here, with what to do, or undefined. Changes nothing. */
  async whyNot(): Promise<string | undefined> {
    try {
      const example = new PacketRates(this.#options.table, () => Promise.resolve());
      await example.hold(exampleAddress, packetRateOf({ cpus: 1 }));
      const rules = firewallRules({ ...this.#options, subnet: `${exampleAddress}/32` }, example);
      await runNetworkProgram('nft', ['--check', '--file', '-'], rules);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Puts the rules in place, all at once. Rejects with `unavailable`/`egress_unavailable`. */
  async install(subnet: string | undefined): Promise<void> {
    this.#subnet = subnet;
    await this.#rates.inTurn(() => runRules(firewallRules({ ...this.#options, subnet }, this.#rates)));
  }

  /** Whether all tables are there: other software may have emptied the host's rules. */
  async isInstalled(): Promise<boolean> {
    try {
      for (const family of firewallFamilies(this.#options)) {
        const listed = await runNetworkProgram('nft', ['list', 'table', family, this.#options.table], '');
        if (!listed.includes(family === 'ip' ? 'masquerade' : 'drop')) return false;
      }
      return true;
    } catch {
      return false;
    }
  }

  /** What another program has emptied is put back at once; `onLost` is told. Rejects as `install` does. */
  async putBack(onLost: () => void): Promise<void> {
    if (await this.isInstalled()) return;
    onLost();
    await this.install(this.#subnet);
  }

  /**
   * From now on `address` sends and receives no more than `rate`, and `listener` is told where its packets were dropped, until the returned function is called,
   * which never rejects. Rejects as `install` does.
   */
  async attend(address: string, rate: PacketRate, listener: RefusalListener): Promise<() => Promise<void>> {
    const release = await this.#rates.hold(address, rate);
    await this.#refused.watch(address, listener);
    return async () => {
      await this.#refused.unwatch(address, listener);
      await release();
    };
  }

  /** Looks every 5 s after rules and what they dropped, until `forget`. */
  watch(onLost: () => void): void {
    this.#timer ??= setInterval(() => {
      void this.putBack(onLost).catch(() => undefined);
      if (this.#refused.isWatched) void this.#refused.look();
    }, checkEveryMs).unref();
  }

  /** The rules stay, and nobody looks after them. */
  forget(): void {
    clearInterval(this.#timer);
  }

  /** Idempotent. */
  async remove(): Promise<void> {
    this.forget();
    for (const family of firewallFamilies(this.#options)) {
      await runNetworkProgram('nft', ['delete', 'table', family, this.#options.table], '').catch(() => undefined);
    }
  }
}

/** All of it or nothing. */
async function runRules(rules: string): Promise<void> {
  await runNetworkProgram('nft', ['--file', '-'], rules);
}
