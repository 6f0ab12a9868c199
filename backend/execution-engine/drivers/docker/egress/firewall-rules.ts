import { nonPublicIpv4 } from '../../../../util/public-address.ts';

export interface FirewallOptions {
  /** The name of our tables. */
  readonly table: string;
  /** The bridge that sandboxes with a network hang on. */
  readonly bridge: string;
  /** Its addresses, for example 172.18.0.0/16; undefined while it is not known: then nothing passes. */
  readonly subnet: string | undefined;
  /** IPv4 addresses that may be asked for names, wherever they are. */
  readonly resolvers: readonly string[];
}

/** Families with a table each: routed packets, frames between two ports of the bridge, and address translation. */
export const firewallFamilies = ['inet', 'bridge', 'ip'] as const;

/**
 * The rules, as `nft -f` takes them in one transaction (nft(8)); what was there before under these names is replaced. They come before those of
 * other software (priority -10), and a packet that they drop stays dropped. What they let through, others may still refuse. Frames between two sandboxes
 * are known by their addresses, since not every kernel can name the bridge there: the daemon gives a subnet once, and nobody inside may choose an address.
 */
export function firewallRules({ table, bridge, subnet, resolvers }: FirewallOptions): string {
  const from = `iifname "${bridge}"`;
  const to = `oifname "${bridge}"`;
  const asked = `{ ${resolvers.join(', ')} }`;
  const isNamed = resolvers.length > 0;
  return `${firewallFamilies.map((family) => `table ${family} ${table}\ndelete table ${family} ${table}\n`).join('')}
table inet ${table} {
  chain input {
    type filter hook input priority -10; policy accept;
    ${from} drop
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
    ${to} ct state established,related accept
    ${to} drop
    ${subnet === undefined ? `${from} drop` : `${from} ip saddr != ${subnet} drop`}
    ${from} meta nfproto ipv6 drop
    ${isNamed ? `${from} ip daddr ${asked} udp dport 53 accept` : ''}
    ${isNamed ? `${from} ip daddr ${asked} tcp dport 53 accept` : ''}
    ${from} ip daddr { ${nonPublicIpv4.join(', ')} } drop
    ${from} fib daddr type != unicast drop
  }
}
table bridge ${table} {
  chain forward {
    type filter hook forward priority -10; policy accept;
    ${subnet === undefined ? '' : `ip saddr ${subnet} drop`}
    ${subnet === undefined ? '' : `ip daddr ${subnet} drop`}
  }
}
table ip ${table} {
  chain postrouting {
    type nat hook postrouting priority 90; policy accept;
    ${subnet === undefined ? '' : `ip saddr ${subnet} oifname != "${bridge}" masquerade`}
  }
}
`;
}
