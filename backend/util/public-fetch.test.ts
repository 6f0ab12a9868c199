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
  'https://0177.0.0.1/',
  'https://100.64.0.1/',
  'https://[fd00:ec2::254]/',
])('refuses %s before it dials', async (url) => {
  await expect(publicFetch(url, limits)).rejects.toThrow(/public internet|only https/);
});

/** What listens on this machine, and how often somebody came. */
async function localServer() {
  let connections = 0;
  const server = createServer(() => connections++);
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  return { port, connections: () => connections, [Symbol.dispose]: () => void server.close() };
}

test('refuses a name that resolves to a private address, and never connects', async () => {
  using server = await localServer();
  for (const addresses of [['127.0.0.1'], ['::1'], ['10.1.2.3', '192.168.1.1'], ['169.254.169.254']]) {
    const asked = publicFetch(`https://keys.example:${server.port}/`, { ...limits, lookup: resolvesTo(...addresses) });
    await expect(asked).rejects.toThrow(/not in the public internet/);
  }
  expect(server.connections()).toBe(0);
});

// 192.0.2.1 is for documentation (RFC 5737): it counts as public, and nobody is there.
test.each([
  { what: 'says this machine the next time', answers: [['192.0.2.1'], ['127.0.0.1']] },
  { what: 'says this machine too', answers: [['127.0.0.1', '192.0.2.1']] },
])('dials the address that was checked, whatever the name says: $what', async ({ answers }) => {
  using server = await localServer();
  let asked = 0;
  const changing = ((...given: Parameters<ReturnType<typeof resolvesTo>>) => {
    resolvesTo(...(answers[Math.min(asked++, answers.length - 1)] ?? []))(...given);
  }) as unknown as typeof lookup;
  const url = `https://keys.example:${server.port}/`;
  await expect(publicFetch(url, { ...limits, timeoutMs: 300, lookup: changing })).rejects.toThrow();
  expect(asked).toBe(1);
  expect(server.connections()).toBe(0);
});
