import { expect, it } from 'vitest';
import { isPublicAddress } from './public-address.ts';

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
