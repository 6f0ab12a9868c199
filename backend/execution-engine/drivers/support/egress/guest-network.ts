import { readFileSync } from 'node:fs';
import type { IoUsage } from '../../../../core/ports/sandbox.ts';
import { uidsPerInstance } from '../jail/host-environment.ts';
import type { Firewall } from './firewall.ts';
import { runNetworkProgram } from './network-programs.ts';
import type { PacketRate } from './packet-rates.ts';
import type { RefusalListener } from './refused-packets.ts';

/**
 * RFC 2544, for tests of networks: not public, and seldom in use. The first 2048 addresses are for what guests see; each instance of Hearth has 2048 others,
 * two for every slot.
 */
const firstAddress = (198 << 24) + (18 << 16);
const addressesPerInstance = 2048;
const blocks = 63;
/** Where `ip netns` keeps namespaces. */
export const namespaceDirectory = '/run/netns';
/** Names inside each namespace. */
export const tapName = 'tap';
const outName = 'out';

/**
 * What every guest has for its network card: the same in all, because each is alone in a namespace of its own. So a copy of a guest is at home in any of
 * them, with the addresses and neighbours that it knew.
 */
export const guestCard = {
  mac: '02:68:65:61:72:02',
  gatewayMac: '02:68:65:61:72:01',
  address: '198.18.0.2',
  gateway: '198.18.0.1',
  prefix: 30,
} as const;

/**
 * The number of an instance by which its networks are named: no two of a machine have the same, since no two have the same user ids. `lowestUid` is that of
 * slot 0.
 */
export function networkNumber(lowestUid: number): number {
  return Math.floor(lowestUid / uidsPerInstance);
}

/** Names and addresses that instance and slot give. Names of interfaces have at most 15 characters. */
export function placeOf(instance: number, slot: number) {
  const near = blockOf(instance) + 2 * slot;
  return { name: `hearth${instance}-${slot}`, host: addressAt(near), guest: addressAt(near + 1) };
}

/** All interfaces of an instance on the host, as nft(8) writes it. */
export function interfacesOf(instance: number): string {
  return `hearth${instance}-*`;
}

/** All addresses of an instance. */
export function subnetOf(instance: number): string {
  return `${addressAt(blockOf(instance))}/21`;
}

/** Instances that follow one another never share one. */
function blockOf(instance: number): number {
  return ((instance % blocks) + 1) * addressesPerInstance;
}

function addressAt(offset: number): string {
  const value = firstAddress + offset;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}

/**
 * A network namespace with a tap device for one guest and a way to the host, which routes and guards it. Packets go from the tap to the host and back, under
 * the address that the guest has been told and no other; nothing in the namespace itself can be reached.
 */
export class GuestNetwork {
  /** The file that names it. */
  readonly namespace: string;
  readonly #name: string;
  #leave: (() => Promise<void>) | undefined;
  #onRefused: RefusalListener | undefined;

  private constructor(name: string) {
    this.#name = name;
    this.namespace = `${namespaceDirectory}/${name}`;
  }

  /** `uid` may use the tap. Rejects with `unavailable`/`egress_unavailable`, and leaves nothing then. */
  static async make(options: {
    readonly instance: number;
    readonly slot: number;
    readonly uid: number;
    /** What the host lets pass of its packets; left out: as many as there are, and nobody is told of those that it drops. */
    readonly held?: { readonly firewall: Firewall; readonly rate: PacketRate } | undefined;
  }): Promise<GuestNetwork> {
    const { name, host, guest } = placeOf(options.instance, options.slot);
    const network = new GuestNetwork(name);
    try {
      // Left by a guest of this slot that was removed a moment ago.
      await removeNetwork(name);
      await runNetworkProgram(
        'ip',
        ['-batch', '-'],
        `netns add ${name}
link add ${name} type veth peer name ${outName} netns ${name}
address add ${host}/31 dev ${name}
link set dev ${name} up
`,
      );
      await runNetworkProgram(
        'ip',
        ['-netns', name, '-batch', '-'],
        `tuntap add dev ${tapName} mode tap user ${options.uid}
link set dev ${tapName} address ${guestCard.gatewayMac}
address add ${guestCard.gateway}/${guestCard.prefix} dev ${tapName}
link set dev ${tapName} up
address add ${guest}/31 dev ${outName}
link set dev ${outName} up
route add default via ${host}
`,
      );
      const script = 'echo 1 >/proc/sys/net/ipv4/ip_forward && exec nft --file -';
      await runNetworkProgram('nsenter', [`--net=${network.namespace}`, 'sh', '-c', script], insideRules);
      const tell: RefusalListener = (target) => network.#onRefused?.(target);
      network.#leave = await options.held?.firewall.attend(guest, options.held.rate, tell);
      return network;
    } catch (error) {
      await removeNetwork(name);
      throw error;
    }
  }

  /** `listener` is told where the guest's packets were dropped, at most once per target in 5 s. */
  onRefused(listener: RefusalListener): void {
    this.#onRefused = listener;
  }

  /** What the guest has received and sent; zeros once it is removed. */
  io(): IoUsage {
    // Seen from the host's end.
    const read = (name: string): number => {
      try {
        return Number(readFileSync(`/sys/class/net/${this.#name}/statistics/${name}`, 'utf8'));
      } catch {
        return 0;
      }
    };
    return {
      networkReceivedBytes: read('tx_bytes'),
      networkSentBytes: read('rx_bytes'),
      diskReadBytes: 0,
      diskWrittenBytes: 0,
    };
  }

  /** Idempotent; never rejects. After the guest: what is open of the namespace keeps it. */
  async remove(): Promise<void> {
    // Before somebody else gets the address.
    await this.#leave?.();
    this.#leave = undefined;
    await removeNetwork(this.#name);
  }
}

/** The link first: otherwise its name stays taken until the kernel has got round to it. */
export async function removeNetwork(name: string): Promise<void> {
  await runNetworkProgram('ip', ['-force', '-batch', '-'], `link delete dev ${name}\nnetns delete ${name}\n`).catch(
    () => undefined,
  );
}

const insideRules = `table inet guest {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    iifname "${outName}" oifname "${tapName}" ct state established,related accept
    iifname "${tapName}" oifname "${outName}" ip saddr ${guestCard.address} accept
  }
}
table ip guest {
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname "${outName}" masquerade
  }
}
`;
