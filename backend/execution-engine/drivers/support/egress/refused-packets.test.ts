import { describe, expect, it } from 'vitest';
import { parseRefused, RefusedPackets } from './refused-packets.ts';

describe('parseRefused', () => {
  it('reads what nft lists, of versions that put the counter before or after the time', () => {
    const listing = `table inet hearth_1 { set refused { type ipv4_addr . ipv4_addr . inet_service
      elements = { 10.1.1.1 . 10.2.2.3 . 53 counter packets 1 bytes 29 expires 9s976ms,
        10.1.1.1 . 169.254.169.254 . 80 timeout 1m expires 56s counter packets 12 bytes 120 } } }`;
    expect(parseRefused(listing)).toEqual([
      { from: '10.1.1.1', target: '10.2.2.3:53', packets: 1 },
      { from: '10.1.1.1', target: '169.254.169.254:80', packets: 12 },
    ]);
  });

  it('finds nothing in an empty set', () => {
    expect(parseRefused('table inet t { set refused { size 4096 timeout 1m } }')).toEqual([]);
  });
});

describe('RefusedPackets', () => {
  function make() {
    let elements: Record<string, number> | undefined = {};
    const packets = new RefusedPackets(() => {
      if (elements === undefined) return Promise.reject(new Error('no such set'));
      const written = Object.entries(elements).map(([pair, count]) => {
        const [from, target = ''] = pair.split(' ');
        return `${from} . ${target.replace(':', ' . ')} counter packets ${count} bytes 60 expires 9s`;
      });
      return Promise.resolve(`elements = { ${written.join(', ')} }`);
    });
    const told: string[] = [];
    return {
      packets,
      told,
      listenerOf: (name: string) => (target: string) => void told.push(`${name} ${target}`),
      set: (next: Record<string, number> | undefined) => {
        elements = next;
      },
    };
  }

  it('tells each of its own, when there is more, or anew, since the last look', async () => {
    const { packets, told, listenerOf, set } = make();
    await packets.watch('10.0.0.2', listenerOf('a'));
    await packets.watch('10.0.0.3', listenerOf('b'));
    set({ '10.0.0.2 10.9.9.9:1': 1, '10.0.0.3 10.9.9.9:2': 5, '10.0.0.4 10.9.9.9:3': 1 });
    await packets.look();
    expect(told.splice(0)).toEqual(['a 10.9.9.9:1', 'b 10.9.9.9:2']);
    await packets.look();
    expect(told).toEqual([]);
    set({ '10.0.0.2 10.9.9.9:1': 2, '10.0.0.3 10.9.9.9:2': 1 });
    await packets.look();
    expect(told).toEqual(['a 10.9.9.9:1', 'b 10.9.9.9:2']);
  });

  it('looks once more at the end, and tells nobody of what an earlier one at the address did', async () => {
    const { packets, told, listenerOf, set } = make();
    const [a, b] = [listenerOf('a'), listenerOf('b')];
    await packets.watch('10.0.0.2', a);
    set({ '10.0.0.2 10.9.9.9:1': 1 });
    await packets.unwatch('10.0.0.2', a);
    expect(told.splice(0)).toEqual(['a 10.9.9.9:1']);
    expect(packets.isWatched).toBe(false);
    set({ '10.0.0.2 10.9.9.9:1': 2 });
    await packets.watch('10.0.0.2', b);
    await packets.unwatch('10.0.0.2', a);
    expect(packets.isWatched).toBe(true);
    expect(told).toEqual([]);
    set({ '10.0.0.2 10.9.9.9:1': 3 });
    await packets.watch('10.0.0.2', a);
    expect(told, 'nobody knows who of two it was').toEqual([]);
  });

  it('tells nobody after a look that failed: nobody knows whose they were', async () => {
    const { packets, told, listenerOf, set } = make();
    await packets.watch('10.0.0.2', listenerOf('a'));
    set(undefined);
    await packets.look();
    set({ '10.0.0.2 10.9.9.9:1': 1 });
    await packets.look();
    expect(told).toEqual([]);
    set({ '10.0.0.2 10.9.9.9:1': 2 });
    await packets.look();
    expect(told).toEqual(['a 10.9.9.9:1']);
  });
});
