import { nonPublicIpv4 } from '../../../../util/public-address.ts';
import type { PacketRates } from './packet-rates.ts';

export interface FirewallOptions {
  /** The name of our tables. */
  readonly table: string;
  /** The host's interfaces that sandboxes are behind: a name, or the beginning of names and `*`. */
  readonly interfaces: string;
  /** A bridge, whose ports reach one another without being routed. */
  readonly isBridge: boolean;
  /** The addresses behind them, for example 172.18.0.0/16; undefined while they are not known: then nothing passes. */
  readonly subnet: string | undefined;
  /** IPv4 addresses that may be asked for names, wherever they are. */
  readonly resolvers: readonly string[];
}

/** Families with a table each: routed packets, frames between two ports of a bridge, and address translation. */
export function firewallFamilies({ isBridge }: Pick<FirewallOptions, 'isBridge'>): readonly string[] {
  return isBridge ? ['inet', 'bridge', 'ip'] : ['inet', 'ip'];
}

/** What of TCP and UDP was dropped, by who sent it and where to: at most 4096 of these in a table, each for a minute after its last packet. */
export const refusedSet = 'refused';
/** Families whose table has that set. */
export function refusingFamilies(options: Pick<FirewallOptions, 'isBridge'>): readonly string[] {
  return firewallFamilies(options).filter((family) => family !== 'ip');
}
const defineRefused = `set ${refusedSet} {
    type ipv4_addr . ipv4_addr . inet_service
    size 4096
    flags dynamic,timeout
    timeout 1m
  }`;
// When the set is full, nothing is noted, and the packet is dropped all the same.
const note = `meta l4proto { tcp, udp } update @${refusedSet} { ip saddr . ip daddr . th dport counter }`;

/**
 * The rules, as `nft -f` takes them in one transaction (nft(8)); what was there before under these names is replaced. They come before those of
 * other software (priority -10), and a packet that they drop stays dropped. What they let through, others may still refuse. Frames between two sandboxes
 * are known by their addresses, since not every kernel can name the bridge there: the daemon gives a subnet once, and nobody inside may choose an address.
 */
export function firewallRules(options: FirewallOptions, rates?: PacketRates): string {
  const { table, interfaces, subnet, resolvers } = options;
  const from = `iifname "${interfaces}"`;
  const to = `oifname "${interfaces}"`;
  const asked = `{ ${resolvers.join(', ')} }`;
  const isNamed = resolvers.length > 0;
  const notPublic = `ip daddr { ${nonPublicIpv4.join(', ')} }`;
  return `${firewallFamilies(options)
    .map((family) => `table ${family} ${table}\ndelete table ${family} ${table}\n`)
    .join('')}
table inet ${table} {
  ${defineRefused}
  chain input {
    type filter hook input priority -10; policy accept;
    ${from} ${note}
    ${from} drop
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
    ${to} ct state established,related accept
    ${to} ${from} ${note}
    ${to} drop
    ${subnet === undefined ? `${from} drop` : `${from} ip saddr != ${subnet} drop`}
    ${from} meta nfproto ipv6 drop
    ${isNamed ? `${from} ip daddr ${asked} udp dport 53 accept` : ''}
    ${isNamed ? `${from} ip daddr ${asked} tcp dport 53 accept` : ''}
    ${from} ${notPublic} ${note}
    ${from} ${notPublic} drop
    ${from} fib daddr type != unicast drop
  }
  ${rates?.rules(interfaces) ?? ''}
}
${options.isBridge ? bridgeRules(table, subnet) : ''}table ip ${table} {
  chain postrouting {
    type nat hook postrouting priority 90; policy accept;
    ${subnet === undefined ? '' : `ip saddr ${subnet} oifname != "${interfaces}" masquerade`}
  }
}
`;
}

function bridgeRules(table: string, subnet: string | undefined): string {
  return `table bridge ${table} {
  ${defineRefused}
  chain forward {
    type filter hook forward priority -10; policy accept;
    ${subnet === undefined ? '' : `ip saddr ${subnet} ${note}`}
    ${subnet === undefined ? '' : `ip saddr ${subnet} drop`}
    ${subnet === undefined ? '' : `ip daddr ${subnet} drop`}
  }
}
`;
}
