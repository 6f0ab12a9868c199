import type { lookup } from 'node:dns';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { publicFetch } from './public-fetch.ts';

const limits = { timeoutMs: 2000, maxBytes: 1000 };
type Found = { address: string; family: number }[];
const resolvesTo = (...addresses: string[]) =>
  ((_name: string, _options: object, callback: (error: null, found: Found) => void) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )) as unknown as typeof lookup;

test.each([
  'http://example.com/',
  'https://127.0.0.1/',
  'https://[::1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://169.254.169.254/latest/meta-data',
  'https://10.0.0.1/',
  'https://0x7f000001/',
  'https://2130706433/',
])('refuses %s before it dials', async (url) => {
  await expect(publicFetch(url, limits)).rejects.toThrow(/public internet|only https/);
});

test('refuses a name that resolves to a private address, and never connects', async () => {
  let connections = 0;
  const server = createServer(() => connections++);
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  for (const addresses of [['127.0.0.1'], ['::1'], ['10.1.2.3', '192.168.1.1'], ['169.254.169.254']]) {
    const asked = publicFetch(`https://keys.example:${port}/`, { ...limits, lookup: resolvesTo(...addresses) });
    await expect(asked).rejects.toThrow(/not in the public internet/);
  }
  expect(connections).toBe(0);
  server.close();
});
