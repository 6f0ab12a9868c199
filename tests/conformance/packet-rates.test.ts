import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Firewall } from '../../backend/execution-engine/drivers/support/egress/firewall.ts';
import { packetRateOf } from '../../backend/execution-engine/drivers/support/egress/packet-rates.ts';
import { run, whyNoOutside } from '../support/outside-network.ts';
import { skippedFor } from '../support/skip-reason.ts';

const reason = whyNoOutside();
const table = `hearth_t${process.pid}`;
const address = '198.51.100.7';
const ignored = (): void => undefined;

describe('what a version may send', () => {
  it('grows with its CPUs, and is 64 MiB/s and 50,000 packets/s for one unless the operator says otherwise', () => {
    expect(packetRateOf({ cpus: 1 })).toEqual({ bytesPerSecond: 64 * 1024 ** 2, packetsPerSecond: 50_000 });
    expect(packetRateOf({ cpus: 0.05 }, 1024)).toEqual({ bytesPerSecond: 51, packetsPerSecond: 2500 });
  });
});

describe.skipIf(reason !== undefined)(`rates in the host's nftables${skippedFor(reason)}`, () => {
  let firewall: Firewall;
  beforeEach(async () => {
    firewall = new Firewall({ table, interfaces: `${table}-*`, isBridge: false, resolvers: [] });
    await firewall.install('198.51.100.0/24');
  });
  afterAll(async () => await firewall.remove());

  /** Of each address with a rate: bytes and packets, each way. */
  function held(): Readonly<Record<string, readonly number[]>> {
    const rates = new Map<string, number>();
    const found: Record<string, number[]> = {};
    const listed = JSON.parse(run('nft', '--json', 'list', 'table', 'inet', table)) as { nftables: readonly Listed[] };
    for (const { limit } of listed.nftables) {
      // It writes bytes in the largest unit that fits.
      const unit = { kbytes: 1024, mbytes: 1024 ** 2 }[limit?.rate_unit ?? ''] ?? 1;
      if (limit !== undefined) rates.set(limit.name, limit.rate * unit);
    }
    for (const { map } of listed.nftables) {
      for (const [key, name] of map?.elem ?? []) found[key] = [...(found[key] ?? []), rates.get(name) ?? Number.NaN];
    }
    expect(rates.size, 'nothing is left of others').toBe(Object.values(found).flat().length);
    return found;
  }
  const rate = (bytesPerSecond: number) => ({ bytesPerSecond, packetsPerSecond: 70 });

  it('are those of the sandbox that has the address now, and of nobody once it has ended', async () => {
    const leave = await firewall.attend(address, rate(4096), ignored);
    expect(held()).toEqual({ [address]: [4096, 70, 4096, 70] });
    const leaveHeir = await firewall.attend(address, rate(8192), ignored);
    await leave();
    expect(held()).toEqual({ [address]: [8192, 70, 8192, 70] });
    await leaveHeir();
    expect(held()).toEqual({});
  });

  it('are put back with the rules that another program has emptied, and can be let go of in between', async () => {
    const others = await firewall.attend('198.51.100.8', rate(4096), ignored);
    await firewall.attend(address, rate(5000), ignored);
    run('nft', 'delete', 'table', 'inet', table);
    await others();
    let losses = 0;
    await firewall.putBack(() => losses++);
    expect(losses).toBe(1);
    expect(held()).toEqual({ [address]: [5000, 70, 5000, 70] });
  });

  it('refuse a sandbox that they cannot be made for', async () => {
    run('nft', 'delete', 'table', 'inet', table);
    await expect(firewall.attend(address, rate(4096), ignored)).rejects.toMatchObject({ code: 'egress_unavailable' });
    await firewall.install('198.51.100.0/24');
    expect(held()).toEqual({});
  });

  it('can be as high as those of 64 CPUs at the highest setting', async () => {
    await (await firewall.attend(address, packetRateOf({ cpus: 64 }, 10_240 * 1024 ** 2), ignored))();
    expect(await firewall.whyNot()).toBeUndefined();
  });
});

/** Of what nft(8) says in JSON. */
interface Listed {
  readonly limit?: { readonly name: string; readonly rate: number; readonly rate_unit?: string };
  readonly map?: { readonly elem?: readonly (readonly [string, string])[] };
}
