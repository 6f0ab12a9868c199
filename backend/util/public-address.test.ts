import { expect, it } from 'vitest';
import { isPublicAddress, nonPublicIpv4 } from './public-address.ts';

it.each([
  '::ffff:0:127.0.0.1',
  '5f00::1',
  '2001:20::1',
  'localhost',
  '',
  '127.1',
  '0x7f.1',
  '2130706433',
  '1.1.1.1 ',
  ...[
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '255.255.255.255',
  ],
  ...['224.0.0.1', '198.18.0.1', '192.88.99.1'],
  ...['::', '::1', 'fe80::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1', '100::1'],
  // IPv4 in another dress: mapped, translated (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380), compatible.
  ...[
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001:0:7f00:1::',
    '::127.0.0.1',
  ],
])('%s is not in the public internet', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

it.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '2606:4700::1111', '2001:4860::1', '::ffff:8.8.8.8'])(
  '%s is',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

// The first and last address of each network of IANA's registries, and what lies before and behind it, where that is public.
it.each([
  [undefined, '0.0.0.0', '0.255.255.255', '1.0.0.0'],
  ['9.255.255.255', '10.0.0.0', '10.255.255.255', '11.0.0.0'],
  ['100.63.255.255', '100.64.0.0', '100.127.255.255', '100.128.0.0'],
  ['126.255.255.255', '127.0.0.0', '127.255.255.255', '128.0.0.0'],
  ['169.253.255.255', '169.254.0.0', '169.254.255.255', '169.255.0.0'],
  ['172.15.255.255', '172.16.0.0', '172.31.255.255', '172.32.0.0'],
  ['191.255.255.255', '192.0.0.0', '192.0.0.255', '192.0.1.0'],
  ['192.88.98.255', '192.88.99.0', '192.88.99.255', '192.88.100.0'],
  ['192.167.255.255', '192.168.0.0', '192.168.255.255', '192.169.0.0'],
  ['198.17.255.255', '198.18.0.0', '198.19.255.255', '198.20.0.0'],
  ['223.255.255.255', '224.0.0.0', '239.255.255.255', undefined],
  [undefined, '240.0.0.0', '255.255.255.255', undefined],
  [undefined, '::', '::ffff:ffff', '::1:0:0'],
  ['::fffe:ffff:ffff:ffff', '::ffff:0:0:0', '::ffff:0:ffff:ffff', '::ffff:1:0:0'],
  ['64:ff9a:ffff::', '64:ff9b::', '64:ff9b::ffff:ffff', '64:ff9b::1:0:0'],
  ['64:ff9b:0:ffff::', '64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff', '64:ff9b:2::'],
  ['ff:ffff::', '100::', '100::ffff:ffff:ffff:ffff', '100:0:0:1::'],
  ['2000:ffff::', '2001::', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff', '2001:1::'],
  ['2001:1f:ffff::', '2001:20::', '2001:2f:ffff:ffff:ffff:ffff:ffff:ffff', '2001:30::'],
  ['2001:ffff::', '2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2003::'],
  ['5eff:ffff::', '5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '5f01::'],
  ['fbff:ffff::', 'fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fe00::'],
  ['fe7f:ffff::', 'fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', undefined],
  [undefined, 'fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', undefined],
  [undefined, 'ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', undefined],
])('the internet ends at %s, goes on after %s to %s, with %s', (before, first, last, after) => {
  for (const outside of [before, after])
    expect([outside, outside === undefined || isPublicAddress(outside)]).toEqual([outside, true]);
  for (const inside of [first, last]) expect([inside, isPublicAddress(inside)]).toEqual([inside, false]);
});

it('firewalls are told the same networks', () => {
  expect(nonPublicIpv4).toContain('100.64.0.0/10');
  expect(nonPublicIpv4).toHaveLength(12);
});
