import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../../../../shared/errors.ts';
import type { Logger } from '../../../../core/ports/logger.ts';
import { type HostEnvironment, isRoot } from '../jail/host-environment.ts';
import { attackScript, withTargets } from './attack.ts';
import { Firewall } from './firewall.ts';
import {
  GuestNetwork,
  interfacesOf,
  namespaceDirectory,
  networkNumber,
  placeOf,
  removeNetwork,
  subnetOf,
} from './guest-network.ts';
import { runNetworkProgram } from './network-programs.ts';
import type { PacketRate } from './packet-rates.ts';

/** No sandbox has this slot. */
const trialSlot = 0;
const rootNeeded = 'network namespaces and tap devices need root; run Hearth as root';
/** In the instance's directory: networks or rules may be there. */
const markName = 'has-networks';

export interface GuestNetworksOptions {
  /** IPv4 addresses that guests may ask for names. */
  readonly resolvers: readonly string[];
  readonly logger: Logger | undefined;
}

/**
 * The networks of microVMs with `egress: "all"`: a namespace each, behind a firewall that lets packets out to public addresses and nowhere else. The rules are
 * there before the first network is, and tried out; as long as they do not hold, every such start is refused.
 */
export class GuestNetworks {
  readonly #options: GuestNetworksOptions;
  #firewall: Firewall | undefined;
  #opening: Promise<void> | undefined;

  constructor(options: GuestNetworksOptions) {
    this.#options = options;
  }

  /** Why guests can have none on this host, with what to do, or undefined. Leaves nothing. */
  async whyNot(host: HostEnvironment): Promise<string | undefined> {
    if (!isRoot()) return rootNeeded;
    if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun; load the module (modprobe tun)';
    if (!forwards()) return 'this host routes no packets; switch it on (sysctl -w net.ipv4.ip_forward=1)';
    const why = await this.#rulesOf(host).whyNot();
    if (why !== undefined) return why;
    try {
      const network = await this.#make(host, trialSlot);
      await network.remove();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** A network for the guest of this slot, which lets no more than `rate` pass. Rejects with `unavailable`/`egress_unavailable`. */
  async open(host: HostEnvironment, slot: number, rate: PacketRate): Promise<GuestNetwork> {
    this.#opening ??= this.#begin(host);
    const opening = this.#opening;
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    await opening;
    const firewall = this.#rulesOf(host);
    await firewall.putBack(this.#onLost);
    return await this.#make(host, slot, { firewall, rate });
  }

  /** Removes the rules; after the guests. */
  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    await this.#firewall?.remove();
  }

  async #begin(host: HostEnvironment): Promise<void> {
    const why = await this.whyNot(host);
    if (why !== undefined) throw unavailable(why);
    const number = numberOf(host);
    writeFileSync(join(host.claim.directory, markName), '');
    const rules = this.#rulesOf(host);
    await rules.install(subnetOf(number));
    const network = await this.#make(host, trialSlot);
    try {
      const open = await reachedFrom(network, placeOf(number, trialSlot).host);
      if (open.length > 0) {
        const message = `a program in the network of guests could reach ${open.join(', ')}; see the firewall of the host`;
        throw unavailable(message);
      }
    } finally {
      await network.remove();
    }
    rules.watch(this.#onLost);
  }

  async #make(
    host: HostEnvironment,
    slot: number,
    held?: { readonly firewall: Firewall; readonly rate: PacketRate },
  ): Promise<GuestNetwork> {
    return await GuestNetwork.make({ instance: numberOf(host), slot, uid: uidOf(host, slot), held });
  }

  #rulesOf(host: HostEnvironment): Firewall {
    const number = numberOf(host);
    const { resolvers } = this.#options;
    this.#firewall ??= new Firewall({
      ...{ table: tableOf(number), interfaces: interfacesOf(number), isBridge: false },
      resolvers,
    });
    return this.#firewall;
  }

  readonly #onLost = (): void =>
    this.#options.logger?.error({}, 'the firewall rules of microVMs were gone; they are put back');
}

/** What a dead instance left: namespaces, and then its rules. Returns their names. */
export async function sweepNetworks(lowestUid: number, directory: string): Promise<readonly string[]> {
  const instance = networkNumber(lowestUid);
  const prefix = interfacesOf(instance).slice(0, -1);
  const names = namesIn(namespaceDirectory).filter((name) => name.startsWith(prefix));
  for (const name of names) await removeNetwork(name);
  if (names.length > 0 || existsSync(join(directory, markName))) {
    const table = tableOf(instance);
    await new Firewall({ table, interfaces: `${prefix}*`, isBridge: false, resolvers: [] }).remove();
  }
  return names.map((name) => `network ${name}`);
}

function numberOf(host: HostEnvironment): number {
  return networkNumber(uidOf(host, trialSlot));
}

function uidOf(host: HostEnvironment, slot: number): number {
  const uid = host.uidOf(slot);
  if (uid === undefined) throw unavailable(rootNeeded);
  return uid;
}

function tableOf(instance: number): string {
  return `hearth_${instance}`;
}

/** What a program in this namespace can reach of the host and its surroundings. */
export async function reachedFrom(network: GuestNetwork, gateway: string): Promise<readonly string[]> {
  return await withTargets(gateway, async (targets) => {
    const args = [`--net=${network.namespace}`, process.execPath, '-e', attackScript, ...targets];
    return JSON.parse(await runNetworkProgram('nsenter', args)) as string[];
  });
}

function forwards(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim() === '1';
  } catch {
    return false;
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function unavailable(message: string): PlatformError {
  return new PlatformError('unavailable', 'egress_unavailable', message);
}
