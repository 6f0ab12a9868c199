import { BlockList, isIP } from 'node:net';

const blocked = new BlockList();
/**
 * Loopback, private, shared (RFC 6598), link-local with cloud metadata, multicast, reserved: IANA's registries of special purpose addresses.
 * Ranges for documentation lead nowhere by themselves, and some closed networks have their way out there, so they are not among them.
 */
const blockedIpv4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;
for (const [network, prefix] of blockedIpv4) blocked.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  // Unspecified, loopback and IPv4-compatible; what is mapped counts as what it maps.
  ['::', 96],
  // IPv4-translated (RFC 2765), ORCHIDv2 (RFC 7343), SRv6 SIDs (RFC 9602).
  ['::ffff:0:0:0', 96],
  ['2001:20::', 28],
  ['5f00::', 16],
  // Ways to write an IPv4 address that a gateway would follow: RFC 6052, RFC 8215, Teredo, 6to4.
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
  ['100::', 64],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  blocked.addSubnet(network, prefix, 'ipv6');
}

/** The IPv4 networks of which no address is public, as `address/prefix`: for firewalls. */
export const nonPublicIpv4: readonly string[] = blockedIpv4.map(([network, prefix]) => `${network}/${prefix}`);

/**
 * Whether an address that a name resolved to lies in the public internet. Mapped IPv4 addresses count as what they map. What is no address as
 * `isIP` has it (a name, `127.1`, a number) is not public: resolvers read more into such texts than a comparison of ranges can.
 */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && !blocked.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
